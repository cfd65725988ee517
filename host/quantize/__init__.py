"""Post-training static quantization to int8: float network and sample images → integer network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from device_runtime.errors import FatalError
from host.network.graph import Conv, FloatArray, Network, convolve, pool, walk
from host.network.int8_sums import BYTES_PER_PIXEL, FusedRequantization, Int8Sums
from host.network.integer import (
    LEVELS,
    PIXEL_MEAN,
    PIXEL_SCALE,
    IntegerConv,
    QuantizedNetwork,
    accumulate,
    recover_pixels,
    rescale,
)
from host.quantize.compensate import second_moments
from host.quantize.equalize import Equalized, equalize
from host.quantize.observe import OBSERVERS, Histogram, histogram
from host.quantize.weights import quantize_head, quantize_rows, quantize_weight

BATCH = 16
LEAST_MULTIPLIER = 2.0**-20
"""Of sums that a fused multiply-add rounds: with a smaller one the bias could not hold what addends leave.

256 products of 255 and 127 then make 8, so a channel with a smaller one is next to dead.
"""
CORRECTION_SAMPLES = 64
"""Samples that bias correction averages over; each gives thousands of values a channel."""


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


def quantize(
    network: Network,
    samples: NDArray[np.float32],
    options: Options | None = None,
    int8_sums: Int8Sums | None = None,
) -> QuantizedNetwork:
    """Quantize the backbone and the head's weights; contexts and their products with those stay fp32.

    Args:
        network: as from `simplify`.
        samples: float32[N,3,24,94], preprocessed images that show what the network will see.
        int8_sums: what the kernels' instructions demand; by default nothing beyond int8.

    Raises:
        FatalError: no samples, or an unknown observer.
    """
    options, int8_sums = options or Options(), int8_sums or Int8Sums()
    if options.observer not in OBSERVERS:
        raise FatalError(f"observer {options.observer}", "is not known", f"use {', '.join(OBSERVERS)}")
    if len(samples) == 0:
        raise FatalError("calibration", "there are no images", "give a folder with plate images")
    images = torch.from_numpy(samples)
    equalized = Equalized(network, {})
    if options.equalize:
        equalized = equalize(network, largest_activations(network, images))
    observe = OBSERVERS[options.observer]
    scales = {name: observe(h) / LEVELS for name, h in histograms(equalized.network, images).items()}
    convs = _integers(equalized.network, images, scales, options, int8_sums)
    head = quantize_head(network.head)
    return QuantizedNetwork(
        network=equalized.network,
        convs=convs,
        head=head,
        activation_scales=_activation_scales(equalized, scales),
        int8_sums=int8_sums,
    )


def largest_activations(network: Network, images: Tensor) -> dict[str, FloatArray]:
    """The largest value of every channel of every convolution's output, by layer name."""
    largest: dict[str, Tensor] = {}
    for name, x in conv_outputs(network, images):
        top = x.amax((0, 2, 3))
        largest[name] = torch.maximum(largest[name], top) if name in largest else top
    return {name: x.numpy() for name, x in largest.items()}


def histograms(network: Network, images: Tensor) -> dict[str, Histogram]:
    """The distribution of every map that is quantized: all but the last, which the contexts read as fp32."""
    maxima = {n: float(x.max()) for n, x in largest_activations(network, images).items()}
    values: dict[str, Histogram] = {}
    for name, x in conv_outputs(network, images):
        if name == network.convs[-1].name:
            continue
        part = histogram(x, maxima[name])
        counts = values[name].counts + part.counts if name in values else part.counts
        values[name] = Histogram(maxima[name], counts)
    return values


def conv_outputs(network: Network, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(layer name, output) of every convolution, for one batch of images after the other."""
    for x in images.split(BATCH):
        for layer, output in walk(network, x):
            if isinstance(layer, Conv):
                yield layer.name, output


def _activation_scales(equalized: Equalized, scales: Mapping[str, float]) -> dict[str, FloatArray]:
    """The real value of q = 1 in every channel of the maps that contexts read."""
    activation_scales = {}
    for name in (context.source for context in equalized.network.contexts):
        factor = equalized.factors.get(name, np.ones(equalized.network.shapes[name].channels, np.float32))
        activation_scales[name] = factor * np.float32(scales.get(name, 1.0))
    return activation_scales


def _integers(
    network: Network, images: Tensor, scales: Mapping[str, float], options: Options, int8_sums: Int8Sums
) -> dict[str, IntegerConv]:
    """Quantize layer by layer, carrying the samples along as real and as quantized maps."""
    images = images[:CORRECTION_SAMPLES]
    real, q = images, recover_pixels(images)
    activation_scale, zero = PIXEL_SCALE, PIXEL_MEAN
    convs = {}
    for layer in network.layers:
        if isinstance(layer, Conv):
            moments = second_moments(layer, q - zero) if options.compensate else np.eye(layer.weight[0].size)
            first = layer is network.layers[0]
            limits = int8_sums.for_image if first else int8_sums
            spans = first and limits.products > 1 and limits.block > BYTES_PER_PIXEL
            quantizer = quantize_rows if spans else quantize_weight
            target = scales.get(layer.name)
            fused = int8_sums.fused and layer.name in scales
            finest = LEAST_MULTIPLIER * scales[layer.name] / activation_scale if fused else 0.0
            weight, weight_scale = quantizer(
                layer.weight, layer.bias, activation_scale, limits, moments, finest
            )
            unit = weight_scale * activation_scale
            bias = layer.bias / unit - zero * weight.sum((1, 2, 3), dtype=np.int64)
            multiplier = (unit if target is None else unit / target).astype(np.float32)
            conv = IntegerConv(
                name=layer.name,
                weight=weight,
                bias=_int32(bias),
                multiplier=multiplier,
                padding=layer.padding,
                dequantized=target is None,
            )
            exact = convolve(layer, real)
            if options.correct_bias:
                bias = bias + _bias_error(accumulate(conv, q), exact, unit)
                conv = replace(conv, bias=_int32(bias))
            if fused and (f := FusedRequantization.of(weight, bias, multiplier)):
                conv = replace(conv, bias=f.bias, addend=f.addend)
            convs[layer.name] = conv
            real, q = F.relu(exact), rescale(conv, accumulate(conv, q))
            activation_scale, zero = target or 1.0, 0.0
        else:
            real, q = pool(layer, real), pool(layer, q)
    return convs


def _bias_error(sums: Tensor, exact: Tensor, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the sums lack on average, per channel, against the float network (Nagel et al., section 4.2)."""
    return exact.double().mean((0, 2, 3)).numpy() / unit - sums.double().mean((0, 2, 3)).numpy()


def _int32(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)
