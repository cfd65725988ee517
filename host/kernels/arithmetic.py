"""What an instruction family demands of quantized numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INT16_MAX = 32767


@dataclass(frozen=True)
class Arithmetic:
    """How activations are stored and products are summed.

    Attributes:
        offset: subtracted from an activation 0…255 where it is stored: 0 for uint8, 128 for int8.
        products: products that are summed in int16 before they are widened; 1 where they go to int32 at once.
        stride: distance of the input channels whose products share an int16 sum. Channels
            c, c + stride, … c + (products − 1) · stride of a block of stride · products are added.
    """

    offset: int = 0
    products: int = 1
    stride: int = 1

    def largest_sum(self, weight: NDArray[np.generic]) -> NDArray[np.float64]:
        """Largest magnitude that an int16 sum of a row can reach; weight [out, in, kh, kw] → [out].

        Activations are anything from −offset to 255 − offset.
        """
        out, channels, kh, kw = weight.shape
        block = self.products * self.stride
        padded = np.pad(weight.astype(np.float64), ((0, 0), (0, -channels % block), (0, 0), (0, 0)))
        sets = padded.reshape(out, -1, self.products, self.stride, kh, kw)
        positive = np.maximum(sets, 0).sum(2).reshape(out, -1)
        negative = np.maximum(-sets, 0).sum(2).reshape(out, -1)
        high, low = 255 - self.offset, self.offset
        upper, lower = high * positive + low * negative, high * negative + low * positive
        return np.maximum(upper, lower).max(1)


class Int16Sums:
    """The int16 sums of weights that are chosen one input after the other."""

    def __init__(self, arithmetic: Arithmetic, shape: tuple[int, ...]) -> None:
        """For weights of *shape* [out, in, kh, kw]."""
        out, channels, kh, kw = shape
        block = arithmetic.products * arithmetic.stride
        channel = np.arange(channels)
        sets = channel // block * arithmetic.stride + channel % arithmetic.stride
        self._set = (sets[:, None] * (kh * kw) + np.arange(kh * kw)).ravel()
        self._high, self._low = 255 - arithmetic.offset, arithmetic.offset
        self._limited = arithmetic.products > 1
        # The largest and the least that a sum can reach, both as magnitudes.
        self._reach = np.zeros((2, out, self._set.max() + 1))

    def add(self, place: int, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integer *weight* [out] of the input at *place* in in·kh·kw, as far towards it as there is room."""
        if not self._limited:
            return weight
        sums = self._reach[:, :, self._set[place]]
        up, down = INT16_MAX - sums
        if self._low:
            most = np.minimum(up // self._high, down // self._low)
            least = np.minimum(down // self._high, up // self._low)
        else:
            most, least = up // self._high, down // self._high
        clipped = np.clip(weight, -least, most)
        positive, negative = np.maximum(clipped, 0), np.maximum(-clipped, 0)
        sums[0] += self._high * positive + self._low * negative
        sums[1] += self._high * negative + self._low * positive
        self._reach[:, :, self._set[place]] = sums
        return clipped
