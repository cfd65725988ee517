"""What int8 instructions demand of quantized numbers: the contract between quantizer and kernels.

Activations are q in 0…255, weights within ±127, and products are summed in int32. Some instructions sum a
few products in int16 before; which input channels share such a sum is up to them:

    input channel                      0  1  2  3  4  5  6  7
    products=4, stride=2               a  b  a  b  a  b  a  b
    products=4, stride=4, run=2        a  a  b  b  a  a  b  b

The pattern repeats after a block of channels, and there is a set of sums for each tap of the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

INT16_MAX = 32767
MAGIC = 3 * 2**22
"""Float32 numbers from 2²³ to 2²⁴ are integers, and their bits count up with them; this is the middle one."""
MAGIC_BITS = 0x4B400000
"""The bits of `MAGIC`: an int32 sum that begins here is, read as a float32, MAGIC + the sum."""


@dataclass(frozen=True, kw_only=True)
class Int8Sums:
    """How activations are stored and products are summed.

    Attributes:
        zero_point: what stands for q = 0; q is stored as q + zero_point: 0 for uint8, −128 for int8.
        products: products that share an int16 sum; 1 where each goes to int32 at once.
        stride: input channels from one run of a sum to its next.
        run: neighbouring input channels that share a sum.
        fused: one fused multiply-add scales and rounds sums where they fit (see `FusedRequantization`); the
            zero point is 0 then.
    """

    zero_point: int = 0
    products: int = 1
    stride: int = 1
    run: int = 1
    fused: bool = False

    @property
    def block(self) -> int:
        """Input channels after which the pattern of shared sums repeats."""
        return self.products // self.run * self.stride

    @property
    def for_image(self) -> Int8Sums:
        """The same for the convolution that reads the image.

        Its kernels take one word of channels at a time, so that only a run shares a sum.
        """
        return replace(self, products=self.run, stride=self.run) if self.run > 1 else self

    def largest_sum(self, weight: NDArray[np.generic]) -> NDArray[np.float64]:
        """The largest magnitude that an int16 sum can reach: weight [out, in, kh, kw] → [out].

        Stored activations are anything from zero_point to 255 + zero_point.
        """
        out, channels, kh, kw = weight.shape
        padded = np.pad(weight.astype(np.float64), ((0, 0), (0, -channels % self.block), (0, 0), (0, 0)))
        runs, starts = self.products // self.run, self.stride // self.run
        sets = padded.reshape(out, -1, runs, starts, self.run, kh, kw)
        positive = np.maximum(sets, 0).sum((2, 4)).reshape(out, -1)
        negative = np.maximum(-sets, 0).sum((2, 4)).reshape(out, -1)
        high, low = 255 + self.zero_point, -self.zero_point
        upper, lower = high * positive + low * negative, high * negative + low * positive
        return np.maximum(upper, lower).max(1)


@dataclass(frozen=True, eq=False)
class FusedRequantization:
    """Scaling and rounding of int32 sums by one fused multiply-add.

        bits of (MAGIC_BITS + bias + Σ weight · q)             read as float32: MAGIC + bias + Σ weight · q
        that · multiplier + addend                             rounded once: MAGIC + the next map's q

    The addend takes MAGIC · multiplier away again, as far as that is an integer. The bias does the rest.

    Attributes:
        bias: int32[out].
        addend: float32[out], integers.
    """

    bias: NDArray[np.int32]
    addend: NDArray[np.float32]

    @classmethod
    def of(
        cls, weight: NDArray[np.int8], bias: NDArray[np.float64], multiplier: NDArray[np.float32]
    ) -> FusedRequantization | None:
        """For weight [out, in, kh, kw] on activations 0…255.

        None where a sum could leave the float32 numbers from 2²³ to 2²⁴, or a q the int16.
        """
        scale = multiplier.astype(np.float64)
        if not (scale > 0).all():
            return None
        whole = np.rint(MAGIC * scale)
        start = np.rint(bias + whole / scale - MAGIC)
        wide = weight.astype(np.float64).reshape(len(weight), -1)
        ends = start + 255 * np.stack([np.minimum(wide, 0).sum(1), np.maximum(wide, 0).sum(1)])
        rounded = (MAGIC + ends) * scale - whole
        fits = np.abs(ends).max() < 2**22 and np.abs(rounded).max() < INT16_MAX and whole.max() < 2**24
        return cls(start.astype(np.int32), (MAGIC - whole).astype(np.float32)) if fits else None


class Int16Headroom:
    """What room int16 sums have left, for weights that are chosen one input after the other."""

    def __init__(self, int8_sums: Int8Sums, shape: tuple[int, ...]) -> None:
        """For weights of *shape* [out, in, kh, kw], none of them chosen."""
        out, channels, kh, kw = shape
        channel, starts = np.arange(channels), int8_sums.stride // int8_sums.run
        sets = channel // int8_sums.block * starts + channel % int8_sums.stride // int8_sums.run
        self._set = (sets[:, None] * (kh * kw) + np.arange(kh * kw)).ravel()
        self._high, self._low = 255 + int8_sums.zero_point, -int8_sums.zero_point
        self._limited = int8_sums.products > 1
        # The largest and the least that a sum can reach, both as magnitudes.
        self._reach = np.zeros((2, out, self._set.max() + 1))

    def add(self, place: int, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Choose the weights of the input at *place* in in·kh·kw.

        Args:
            weight: the integers wanted, [out].

        Returns:
            Those, or the nearest that there is room for.
        """
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


BYTES_PER_PIXEL = 4
"""Three channels and a byte that no weight reads."""


def rows_as_channels(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights of the image for a source of `image_map`: [out, 3, kh, kw] → [out, kw · 4, kh, 1]."""
    out, channels, kh, kw = weight.shape
    words = np.zeros((out, kw, BYTES_PER_PIXEL, kh), weight.dtype)
    words[:, :, :channels] = weight.transpose(0, 3, 1, 2)
    return words.reshape(out, kw * BYTES_PER_PIXEL, kh, 1)
