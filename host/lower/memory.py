"""How every layer's output lies in memory."""

from __future__ import annotations

from dataclasses import replace

from host.kernels.feature_map import FeatureMap
from host.kernels.image import image_map
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape
from host.network.graph import Conv, Network


def feature_maps(network: Network, microkernel: MicroKernel) -> dict[str, FeatureMap]:
    """How every layer's output lies in memory, by name; borders are what the next convolution wants.

    `input` is what the first convolution reads: the image, or its bytes.
    """
    shapes, image = network.shapes, network.input
    if isinstance(microkernel, Int8):
        columns = network.convs[0].weight.shape[3]
        maps = {"input": image_map(image.height, image.width, columns, microkernel)}
    else:
        maps = {"input": _image(network)}
    for layer, following in zip(network.layers, (*network.layers[1:], None), strict=True):
        shape = shapes[layer.name]
        # Only contexts read the last map, and they are not quantized.
        block, dtype = (
            (microkernel.block, microkernel.activation) if following else (microkernel.lanes, "float32")
        )
        pad = following.padding if isinstance(following, Conv) else (0, 0)
        stored = _round_up(shape.channels, block)
        maps[layer.name] = FeatureMap(
            shape.height, shape.width, shape.channels, stored=stored, dtype=dtype, pad=pad
        )
    return maps


def _image(network: Network) -> FeatureMap:
    shape = network.input
    return FeatureMap(
        shape.height, shape.width, shape.channels, stored=shape.channels, dtype="float32", planar=True
    )


def conv_shapes(network: Network, microkernel: MicroKernel) -> dict[str, ConvShape]:
    """What every convolution is generated from, by layer name; `head` computes in `microkernel.fp32`."""
    maps = feature_maps(network, microkernel)
    shapes = {}
    source = maps["input"]
    for layer in network.layers:
        if isinstance(layer, Conv):
            kernel = layer.weight.shape[2:]
            if source.pitch is not None:
                kernel = (kernel[0], 1)  # as `rows_as_channels` has it
            shape = ConvShape(kernel=kernel, source=source, target=maps[layer.name], relu=layer.relu)
            shapes[layer.name] = replace(shape, fused=_may_be_fused(shape, microkernel))
        source = maps[layer.name]
    joined = sum(maps[c.source].stored for c in network.contexts)
    stored = _round_up(network.classes, microkernel.fp32.block)
    shapes["head"] = ConvShape(
        kernel=(1, 1),
        source=FeatureMap(1, network.steps, joined, stored=joined, dtype="float32"),
        target=FeatureMap(1, network.steps, network.classes, stored=stored, dtype="float32"),
        relu=False,
    )
    return shapes


def _may_be_fused(shape: ConvShape, microkernel: MicroKernel) -> bool:
    """Whether quantized weights allow it is seen later; sums of so few products nearly always do."""
    fused = isinstance(microkernel, Int8) and microkernel.int8_sums.fused and shape.target.dtype != "float32"
    return fused and shape.reduction(microkernel) * shape.kernel[0] * shape.kernel[1] <= 512


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
