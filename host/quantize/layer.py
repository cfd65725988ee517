"""One convolution in integers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from host.network.graph import Conv
from host.network.int8_sums import BYTES_PER_PIXEL, FusedRequantization, Int8Sums
from host.network.integer import IntegerConv, accumulate
from host.quantize.compensate import second_moments
from host.quantize.weights import quantize_rows, quantize_weight

LEAST_MULTIPLIER = 2.0**-20
"""Of sums that a fused multiply-add rounds: with a smaller one the bias could not hold what addends leave.

256 products of 255 and 127 then make 8, so a channel with a smaller one is next to dead.
"""


@dataclass(frozen=True)
class Options:
    """How to quantize.

    Attributes:
        observer: key of `OBSERVERS`.
        equalize: even out the channels of a map first.
        compensate: round weights so that their errors cancel.
        correct_bias: add to a bias what a layer's sums lack on average.
    """

    observer: str = "mse"
    equalize: bool = True
    compensate: bool = True
    correct_bias: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantized:
    """A map of the samples, quantized: (q − zero) · scale is the real value.

    Attributes:
        q: integers 0…255 in float32, [N,channels,H,W].
        image: whether it is the image.
    """

    q: Tensor
    scale: float
    zero: float = 0.0
    image: bool = False


def quantize_conv(
    layer: Conv, source: Quantized, exact: Tensor, target: float | None, options: Options, int8_sums: Int8Sums
) -> IntegerConv:
    """*layer* in integers.

    Args:
        source: what it reads.
        exact: what it computes of the samples in the float network, before any ReLU.
        target: the real value of q = 1 of the map that it makes; None where that stays real.
        int8_sums: what the kernels' instructions demand.
    """
    moments = (
        second_moments(layer, source.q - source.zero) if options.compensate else np.eye(layer.weight[0].size)
    )
    limits = int8_sums.for_image if source.image else int8_sums
    spans = source.image and limits.products > 1 and limits.block > BYTES_PER_PIXEL
    quantizer = quantize_rows if spans else quantize_weight
    fused = int8_sums.fused and target is not None
    finest = LEAST_MULTIPLIER * target / source.scale if fused and target else 0.0
    weight, weight_scale = quantizer(layer.weight, layer.bias, source.scale, limits, moments, finest)
    unit = weight_scale * source.scale
    bias = layer.bias / unit - source.zero * weight.sum((1, 2, 3), dtype=np.int64)
    multiplier = (unit if target is None else unit / target).astype(np.float32)
    conv = IntegerConv(
        name=layer.name,
        weight=weight,
        bias=_int32(bias),
        multiplier=multiplier,
        padding=layer.padding,
        dequantized=target is None,
        relu=layer.relu,
        stride=layer.stride,
    )
    if options.correct_bias:
        bias = bias + _bias_error(accumulate(conv, source.q), exact, unit)
        conv = replace(conv, bias=_int32(bias))
    if fused and (f := FusedRequantization.of(weight, bias, multiplier)):
        conv = replace(conv, bias=f.bias, addend=f.addend)
    return conv


def _bias_error(sums: Tensor, exact: Tensor, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the sums lack on average, per channel, against the float network (Nagel et al., section 4.2)."""
    return exact.double().mean((0, 2, 3)).numpy() / unit - sums.double().mean((0, 2, 3)).numpy()


def _int32(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)
