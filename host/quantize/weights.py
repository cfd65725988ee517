"""Symmetric int8 weights with one scale per output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from host.network.graph import Conv, FloatArray
from host.network.int8_sums import INT16_MAX, Int8Sums, rows_as_channels
from host.network.integer import IntegerHead
from host.quantize.compensate import INT8_MAX, Compensation

LARGEST_BIAS = 2**20
"""Dead channels have vanishing weights beside their bias; the others stay far below."""
SHRINK = np.linspace(1.0, 0.6, 5)
"""Scales that are tried, as shares of the one that clips no weight."""


def quantize_weight(
    weight: FloatArray,
    bias: FloatArray,
    activation_scale: float,
    int8_sums: Int8Sums,
    moments: NDArray[np.float64] | None = None,
    finest: float = 0.0,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """weight [out, in, kh, kw] → int8 of the same shape within ±127, and float64[out] scales.

    Of the scales not below *finest* that keep a channel's bias, in units of scale · *activation_scale*, a
    number that float32 holds, each takes the one with the least error by the *moments* of its inputs (see
    `Compensation`); without them, errors of all weights count alike.
    """
    compensation = Compensation.of(np.eye(weight[0].size) if moments is None else moments)
    widest = np.abs(weight).max((1, 2, 3)).astype(np.float64) / INT8_MAX
    if int8_sums.products > 1:
        widest = np.maximum(widest, int8_sums.largest_sum(weight) / INT16_MAX)
    least = np.maximum(np.abs(bias) / (activation_scale * LARGEST_BIAS), finest)
    scales = np.maximum(np.outer(SHRINK, widest), least)
    scales[scales == 0] = 1
    tried = (weight / scales[:, :, None, None, None]).reshape(-1, *weight.shape[1:])
    rounded, errors = compensation.round(tried, int8_sums)
    best = np.argmin(errors.reshape(scales.shape) * scales**2, 0)
    channels = np.arange(len(weight))
    chosen = rounded.reshape(len(SHRINK), *weight.shape)[best, channels]
    return chosen.astype(np.int8), scales[best, channels]


def quantize_rows(
    weight: FloatArray,
    bias: FloatArray,
    activation_scale: float,
    int8_sums: Int8Sums,
    moments: NDArray[np.float64],
    finest: float = 0.0,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """`quantize_weight` for the convolution that reads the image, whose kernels take neighbouring pixels as
    channels (`rows_as_channels`), so that their products may share an int16 sum, too."""
    places = rows_as_channels(np.arange(1, weight[0].size + 1).reshape(1, *weight.shape[1:]))
    shape, places = places.shape[1:], places.ravel()
    filled = places > 0
    packed = np.zeros((len(weight), places.size), weight.dtype)
    packed[:, filled] = weight.reshape(len(weight), -1)[:, places[filled] - 1]
    of_packed = np.zeros((places.size, places.size))
    of_packed[np.ix_(filled, filled)] = moments[np.ix_(places[filled] - 1, places[filled] - 1)]
    integers, scale = quantize_weight(
        packed.reshape(len(weight), *shape), bias, activation_scale, int8_sums, of_packed, finest
    )
    result = np.empty((len(weight), weight[0].size), np.int8)
    result[:, places[filled] - 1] = integers.reshape(len(weight), -1)[:, filled]
    return result.reshape(weight.shape), scale


def quantize_head(head: Conv) -> IntegerHead:
    """int8 weights with a scale per class, after bringing the contexts' channels to like weights.

    Channels' weights differ by orders of magnitude, as their contexts' mean squares do.
    """
    largest = np.abs(head.weight).max((0, 2, 3))
    factor = np.where(largest > 0, largest, 1).astype(np.float32)
    even = head.weight / factor[:, None, None]
    weight, scale = quantize_weight(even, np.zeros_like(head.bias), 1.0, Int8Sums())
    return IntegerHead(weight=weight, bias=head.bias, scale=scale.astype(np.float32), factor=factor)
