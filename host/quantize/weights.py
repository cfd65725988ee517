"""Symmetric int8 weights with one scale per output channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from host.network.graph import Conv, FloatArray
from host.network.int8_sums import INT16_MAX, Int8Sums, rows_as_channels
from host.network.integer import IntegerHead
from host.quantize.compensate import INT8_MAX, Compensation

LARGEST_BIAS = 2**20
"""Of a channel, as an integer, so that float32 holds its sums.

Only dead channels, whose weights vanish beside their bias, come near.
"""
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
    """Quantize the weights of a convolution: float32[out, in, kh, kw] → int8 within ±127.

    Several scales are tried for every output channel, and the one with the least error is taken. None is so
    small that the bias, in units of scale · *activation_scale*, would exceed `LARGEST_BIAS`.

    Args:
        bias: float32[out].
        activation_scale: the real value of q = 1 of what the convolution reads.
        int8_sums: what the weights have to keep to.
        moments: of the convolution's inputs, from `second_moments`: errors count by what they do to outputs.
            Without, errors of all weights count alike.
        finest: no scale is below.

    Returns:
        The weights, and float64[out] scales.
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
    """`quantize_weight` for the convolution that reads the image.

    Its kernels take neighbouring pixels for channels (see `rows_as_channels`), so that products of several
    columns may share an int16 sum.
    """
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
