"""How every layer's output lies in memory."""

from __future__ import annotations

from host.kernels.feature_map import FeatureMap
from host.kernels.image import image_map
from host.kernels.microkernel import MicroKernel
from host.network.graph import Conv, Network


def feature_maps(network: Network, microkernel: MicroKernel) -> dict[str, FeatureMap]:
    """How every layer's output lies in memory, by name; borders are what the next convolution wants.

    `input` is what the first convolution reads: the image, or its bytes.
    """
    shapes, image = network.shapes, network.input
    if microkernel.quantized:
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
        stored = round_up(shape.channels, block)
        maps[layer.name] = FeatureMap(
            shape.height, shape.width, shape.channels, stored=stored, dtype=dtype, pad=pad
        )
    return maps


def _image(network: Network) -> FeatureMap:
    shape = network.input
    return FeatureMap(
        shape.height, shape.width, shape.channels, stored=shape.channels, dtype="float32", planar=True
    )


def round_up(value: int, multiple: int) -> int:
    """The next multiple of *multiple*."""
    return -(-value // multiple) * multiple
