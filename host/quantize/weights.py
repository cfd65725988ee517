"""Symmetric int8 weights with one scale per output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from host.graph import Conv, Float
from host.kernels.arithmetic import INT16_MAX, Arithmetic
from host.quantize.network import IntegerHead

INT8_MAX = 127
LARGEST_BIAS = 2**22
"""Dead channels have vanishing weights beside their bias; the others stay far below."""


def quantize_weight(
    weight: Float, bias: Float, step: float, arithmetic: Arithmetic
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """weight [out, in, kh, kw] → int8 of the same shape within ±127, and float64[out] scales.

    The scale of a channel is as fine as its largest weight, *arithmetic*'s int16 sums and its bias, in
    units of scale · *step* a sum that float32 holds, permit.
    """
    scale = np.abs(weight).max((1, 2, 3)).astype(np.float64) / INT8_MAX
    if arithmetic.products > 1:
        scale = np.maximum(scale, arithmetic.largest_sum(weight) / INT16_MAX)
    scale = np.maximum(scale, np.abs(bias) / (step * LARGEST_BIAS))
    scale[scale == 0] = 1
    while True:
        rounded = np.rint(weight / scale[:, None, None, None])
        # Rounding up may pass a limit that the real weights keep.
        exceeds = arithmetic.largest_sum(rounded) > INT16_MAX
        if arithmetic.products == 1 or not exceeds.any():
            return rounded.astype(np.int8), scale
        scale[exceeds] *= 1.002


def quantize_head(head: Conv) -> IntegerHead:
    """int8 weights with a scale per class, after bringing the contexts' channels to like weights.

    Channels' weights differ by orders of magnitude, as their contexts' mean squares do.
    """
    largest = np.abs(head.weight).max((0, 2, 3))
    factor = np.where(largest > 0, largest, 1).astype(np.float32)
    even = head.weight / factor[:, None, None]
    weight, scale = quantize_weight(even, np.zeros_like(head.bias), 1.0, Arithmetic())
    return IntegerHead(weight, head.bias, scale.astype(np.float32), factor)
