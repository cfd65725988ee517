"""Post-training static quantization of a `ConvGraph`: float network and sample images → integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from device_runtime.errors import FatalError
from host.network.conv_graph import IMAGE, ConvGraph, Node, QuantizedGraph, activate, planes, walk
from host.network.graph import FloatArray, convolve
from host.network.int8_sums import Int8Sums
from host.network.integer import LEVELS, IntegerConv, accumulate, rescale
from host.quantize.equalize import equalize_graph
from host.quantize.layer import Options, Quantized, quantize_conv
from host.quantize.limits import OutputError, least_wrong
from host.quantize.observe import Histogram, histogram, observer_of
from lprnet.threads import one_thread

BATCH = 8
ROUNDING_PIXELS = 2**19
"""Of the images that weights are rounded for; each gives hundreds of patches."""


def quantize_graph(
    graph: ConvGraph,
    samples: NDArray[np.uint8],
    options: Options | None = None,
    int8_sums: Int8Sums | None = None,
    error: OutputError | None = None,
) -> QuantizedGraph:
    """Quantize every convolution; the output's sums become real values.

    The result is the same on every machine of an instruction set, however many cores it has.

    Args:
        samples: uint8[N,H,W,3], images that show what the network will see; ranges are taken from all of
            them, and weights are rounded for the first `ROUNDING_PIXELS`.
        int8_sums: what the kernels' instructions demand; by default nothing beyond int8.
        error: of outputs; with it the observer "mse" is about the output's error, not each map's, and biases
            are not corrected: what sums lack on average is what the background lacks, and plates lose by it.

    Raises:
        FatalError: no samples, or an unknown observer.
    """
    options, int8_sums = options or Options(), int8_sums or Int8Sums()
    observe = observer_of(options.observer)
    if len(samples) == 0:
        raise FatalError("calibration", "there are no images", "give a folder with images")
    if error:
        options = replace(options, correct_bias=False)
    images = planes(samples)
    with one_thread(), torch.no_grad():
        if options.equalize:
            graph = equalize_graph(graph, _largest_activations(graph, images))
        if error and options.observer == "mse":
            limits = least_wrong(graph, images, error)
        else:
            limits = {name: observe(h) for name, h in _histograms(graph, images).items()}
        scales = {IMAGE: 1.0} | {name: limit / LEVELS for name, limit in limits.items()}
        few = max(ROUNDING_PIXELS // images[0, 0].numel(), 1)
        convs = _integers(graph, images[:few], scales, options, int8_sums)
    return QuantizedGraph(graph=graph, convs=convs, int8_sums=int8_sums)


def _maps(graph: ConvGraph, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(node, its map) of all but the output, for one batch of images after the other."""
    for x in images.split(BATCH):
        for node, output in walk(graph, x):
            if node is not graph.output:
                yield node.name, output


def _largest_activations(graph: ConvGraph, images: Tensor) -> dict[str, FloatArray]:
    """The largest value of every channel of every map but the output, by node."""
    largest: dict[str, FloatArray] = {}
    for name, x in _maps(graph, images):
        top = x.amax((0, 2, 3)).numpy()
        largest[name] = np.maximum(largest[name], top) if name in largest else top
    return largest


def _histograms(graph: ConvGraph, images: Tensor) -> dict[str, Histogram]:
    """The distribution of every map but the output, by node."""
    # A map that is always zero is quantized as if it reached 1.
    maxima = {n: float(x.max()) or 1.0 for n, x in _largest_activations(graph, images).items()}
    values: dict[str, Histogram] = {}
    for name, x in _maps(graph, images):
        part = histogram(x, maxima[name])
        counts = values[name].counts + part.counts if name in values else part.counts
        values[name] = Histogram(maxima[name], counts)
    return values


def _integers(
    graph: ConvGraph, images: Tensor, scales: dict[str, float], options: Options, int8_sums: Int8Sums
) -> dict[str, IntegerConv]:
    """Quantize node by node, carrying the samples along as real and as quantized maps.

    Args:
        scales: the real value of q = 1 by node, the image among them, the output not.
    """
    convs: dict[str, IntegerConv] = {}
    quantized = {IMAGE: images}

    def compute(node: Node, x: Tensor, other: Tensor | None) -> Tensor:
        source = Quantized(q=quantized[node.source], scale=scales[node.source], image=node.source == IMAGE)
        target = scales.get(node.name)
        # Sums that a map is added to are not rounded by themselves.
        limits = replace(int8_sums, fused=False) if node.add else int8_sums
        conv = quantize_conv(node.conv, source, convolve(node.conv, x), target, options, limits)
        added = None
        if node.add:
            assert target is not None
            ratio = np.full(len(conv.bias), scales[node.add] / target, np.float32)
            conv, added = replace(conv, ratio=ratio), quantized[node.add]
        convs[node.name] = conv
        quantized[node.name] = rescale(conv, accumulate(conv, source.q), added)
        return activate(node, x, other)

    for _ in walk(graph, images, compute):
        pass
    return convs
