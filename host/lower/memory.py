"""How every layer's output lies in memory."""

from __future__ import annotations

from dataclasses import replace

from host.kernels.emit import Expr
from host.kernels.extent import scaled
from host.kernels.feature_map import FeatureMap
from host.kernels.image import CHANNELS, image_map
from host.kernels.microkernel import MicroKernel
from host.network.conv_graph import IMAGE, ConvGraph
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


def graph_maps(
    graph: ConvGraph, microkernel: MicroKernel, height: Expr, width: Expr
) -> dict[str, FeatureMap]:
    """How the maps of a `ConvGraph` lie in memory, by node; borders are what all their readers want.

    `IMAGE` is what the first convolutions read, with a border. The output is float32, and not yet planar.

    Args:
        height, width: of the input, in units of `ConvGraph.grid`: numbers or variables.
    """
    border, slack = graph.border(IMAGE), microkernel.channels_per_load
    rows, columns = scaled(height, graph.grid), scaled(width, graph.grid)
    if microkernel.quantized:
        (kernel_width,) = {node.conv.weight.shape[3] for node in graph.readers(IMAGE)}
        image = replace(image_map(rows, columns, kernel_width, microkernel), pad=border)
    else:
        image = FeatureMap(
            rows, columns, CHANNELS, stored=CHANNELS, dtype=microkernel.activation, pad=border, slack=slack
        )
    maps = {IMAGE: image}
    for node, stride in zip(graph.nodes, _strides(graph), strict=True):
        channels, is_output = node.conv.weight.shape[0], node is graph.output
        maps[node.name] = FeatureMap(
            scaled(height, graph.grid // stride),
            scaled(width, graph.grid // stride),
            channels,
            stored=round_up(channels, microkernel.lanes if is_output else microkernel.granule),
            dtype="float32" if is_output else microkernel.activation,
            pad=graph.border(node.name),
            slack=0 if is_output else slack,
        )
    return maps


def _strides(graph: ConvGraph) -> list[int]:
    """px of the input a pixel of every node's map."""
    strides = {IMAGE: 1}
    for node in graph.nodes:
        conv = node.conv
        assert conv.weight.shape[2:] == tuple(2 * pad + 1 for pad in conv.padding), "only strides shrink maps"
        strides[node.name] = strides[node.source] * conv.stride // (2 if node.add else 1)
    return [strides[node.name] for node in graph.nodes]


def _image(network: Network) -> FeatureMap:
    shape = network.input
    return FeatureMap(
        shape.height, shape.width, shape.channels, stored=shape.channels, dtype="float32", planar=True
    )


def round_up(value: int, multiple: int) -> int:
    """The next multiple of *multiple*."""
    return -(-value // multiple) * multiple
