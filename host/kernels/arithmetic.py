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
