"""Symmetric int8 weights with one scale per output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from host.graph import Conv, Float
from host.kernels.arithmetic import INT16_MAX, Arithmetic
from host.quantize.compensate import INT8_MAX, Compensation
from host.quantize.network import IntegerHead

LARGEST_BIAS = 2**22
"""Dead channels have vanishing weights beside their bias; the others stay far below."""
SHRINK = np.linspace(1.0, 0.6, 5)
"""Scales that are tried, as shares of the one that clips no weight."""


def quantize_weight(
    weight: Float, bias: Float, step: float, arithmetic: Arithmetic, compensation: Compensation | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """weight [out, in, kh, kw] → int8 of the same shape within ±127, and float64[out] scales.

    Of the scales that keep a channel's bias, in units of scale · *step*, a number that float32 holds, each
    takes the one with the least error by *compensation*; without one, errors of all weights count alike.
    """
    if compensation is None:
        compensation = Compensation.of(np.eye(weight[0].size))
    widest = np.abs(weight).max((1, 2, 3)).astype(np.float64) / INT8_MAX
    if arithmetic.products > 1:
        widest = np.maximum(widest, arithmetic.largest_sum(weight) / INT16_MAX)
    least = np.abs(bias) / (step * LARGEST_BIAS)
    scales = np.maximum(np.outer(SHRINK, widest), least)
    scales[scales == 0] = 1
    tried = (weight / scales[:, :, None, None, None]).reshape(-1, *weight.shape[1:])
    rounded, errors = compensation.round(tried, arithmetic)
    best = np.argmin(errors.reshape(scales.shape) * scales**2, 0)
    channels = np.arange(len(weight))
    chosen = rounded.reshape(len(SHRINK), *weight.shape)[best, channels]
    return chosen.astype(np.int8), scales[best, channels]


def quantize_head(head: Conv) -> IntegerHead:
    """int8 weights with a scale per class, after bringing the contexts' channels to like weights.

    Channels' weights differ by orders of magnitude, as their contexts' mean squares do.
    """
    largest = np.abs(head.weight).max((0, 2, 3))
    factor = np.where(largest > 0, largest, 1).astype(np.float32)
    even = head.weight / factor[:, None, None]
    weight, scale = quantize_weight(even, np.zeros_like(head.bias), 1.0, Arithmetic())
    return IntegerHead(weight, head.bias, scale.astype(np.float32), factor)
