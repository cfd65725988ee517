"""Post-training static quantization to int8: float network and sample images → integer network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from device_runtime.errors import FatalError
from host.network.graph import Conv, FloatArray, Network, convolve, maxima, walk
from host.network.int8_sums import Int8Sums
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
from host.quantize.equalize import Equalized, equalize
from host.quantize.layer import Options, Quantized, quantize_conv
from host.quantize.observe import Histogram, histogram, observer_of
from host.quantize.weights import quantize_head
from lprnet.threads import one_thread

BATCH = 16
CORRECTION_SAMPLES = 64
"""Samples that bias correction averages over; each gives thousands of values a channel."""


@one_thread()
def quantize(
    network: Network,
    samples: NDArray[np.float32],
    options: Options | None = None,
    int8_sums: Int8Sums | None = None,
) -> QuantizedNetwork:
    """Quantize the backbone and the head's weights; contexts and their products with those stay fp32.

    The same arguments give the same bytes, however many cores there are.

    Args:
        network: as from `simplify`.
        samples: float32[N,3,24,94], preprocessed images that show what the network will see.
        int8_sums: what the kernels' instructions demand; by default nothing beyond int8.

    Raises:
        FatalError: no samples, or an unknown observer.
    """
    options, int8_sums = options or Options(), int8_sums or Int8Sums()
    observe = observer_of(options.observer)
    if len(samples) == 0:
        raise FatalError("calibration", "there are no images", "give a folder with plate images")
    images = torch.from_numpy(samples)
    equalized = Equalized(network, {})
    if options.equalize:
        equalized = equalize(network, largest_activations(network, images))
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
            exact, target = convolve(layer, real), scales.get(layer.name)
            source = Quantized(q=q, scale=activation_scale, zero=zero, image=layer is network.layers[0])
            conv = convs[layer.name] = quantize_conv(layer, source, exact, target, options, int8_sums)
            real, q = F.relu(exact), rescale(conv, accumulate(conv, q))
            activation_scale, zero = target or 1.0, 0.0
        else:
            real, q = maxima(layer, real), maxima(layer, q)
    return convs
