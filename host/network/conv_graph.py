"""A network of convolutions alone, in floats and in integers: what finds plates.

    graph.nodes: Node(conv, source, add)         in an order in which they can be computed, the output last

                                 add ──┐
    source ── conv ── up-sampled × 2 ── + ── ReLU       where the node has `add`; else
    source ── conv ──────────────────────── ReLU        the ReLU where `conv.relu`

The first nodes read `IMAGE`: pixels uint8[H,W,3], BGR. Pixels are activations as they are, 0…255, in floats
and in integers; what scale a network was trained with is in its first weights. Pads are zeros: black pixels.

A `ConvGraph` has float32 weights, a `QuantizedGraph` an `IntegerConv` for each node, with the kernels'
formulas. The output's convolution has no ReLU and its map is float32 in both.

`height` × `width` is the input's size: the only one, or with `area` the one that kernels are tuned for.
Inputs may then have any size of multiples of `grid` with at most `area` pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from host.network.graph import Conv, Shape, convolve, up_sample
from host.network.int8_sums import Int8Sums
from host.network.integer import IntegerConv, accumulate, rescale

IMAGE = "image"
"""The source of convolutions that read pixels."""
CHANNELS = 3
"""Of the image: blue, green, red."""


@dataclass(frozen=True, eq=False)
class Node:
    """A convolution and what it reads.

    Attributes:
        conv: with its ReLU, which comes after the addition.
        source: name of the node whose map it reads, or `IMAGE`.
        add: name of the node whose map is added to this one's, which is up-sampled × 2 for it.
    """

    conv: Conv
    source: str
    add: str | None = None

    @property
    def name(self) -> str:
        return self.conv.name


@dataclass(frozen=True, eq=False, kw_only=True)
class ConvGraph:
    """Convolutions: pixels uint8[H,W,3] → float32[channels,H/s,W/s].

    Attributes:
        name: of the network, and of the function that computes it.
        nodes: in an order in which they can be computed, the output last.
        height, width: px of the input.
        area: most pixels of inputs of other sizes; None where there is one size only.
    """

    name: str
    nodes: tuple[Node, ...]
    height: int
    width: int
    area: int | None = None

    @cached_property
    def grid(self) -> int:
        """Heights and widths of inputs are multiples of this: maps that are added fit then."""
        strides = {IMAGE: 1}
        for node in self.nodes:
            strides[node.name] = strides[node.source] * node.conv.stride
        return max(strides.values())

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Size of every map at `height` × `width`, by node; `IMAGE` is the input."""
        return self.shapes_at(self.height, self.width)

    def shapes_at(self, height: int, width: int) -> dict[str, Shape]:
        """The same for an input of *height* × *width*."""
        shapes = {IMAGE: Shape(CHANNELS, height, width)}
        for node in self.nodes:
            shape = self._computed(node, shapes[node.source])
            times = 2 if node.add else 1
            shapes[node.name] = Shape(shape.channels, times * shape.height, times * shape.width)
        return shapes

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def stride(self) -> int:
        """px of the input a cell of the output, both ways."""
        return self.height // self.shapes[self.output.name].height

    @property
    def convs(self) -> tuple[Conv, ...]:
        """All convolutions, in order."""
        return tuple(node.conv for node in self.nodes)

    def readers(self, name: str) -> tuple[Node, ...]:
        """The nodes whose convolutions read the map of node *name*."""
        return tuple(node for node in self.nodes if node.source == name)

    def border(self, name: str) -> tuple[int, int]:
        """Zeros that the readers of a map want on both sides of (H, W)."""
        pads = [(0, 0), *(node.conv.padding for node in self.readers(name))]
        return max(pad[0] for pad in pads), max(pad[1] for pad in pads)

    def macs_of(self, node: Node, height: int | None = None, width: int | None = None) -> int:
        """Multiply-accumulates of a convolution for an input of that size; borders count as full."""
        shapes = self.shapes_at(height or self.height, width or self.width)
        shape = self._computed(node, shapes[node.source])
        return int(node.conv.weight.size) * shape.height * shape.width

    @property
    def macs(self) -> int:
        return sum(map(self.macs_of, self.nodes))

    @property
    def parameters(self) -> int:
        return sum(conv.weight.size + conv.bias.size for conv in self.convs)

    @staticmethod
    def _computed(node: Node, source: Shape) -> Shape:
        """Of what the convolution computes, before it is up-sampled."""
        return Shape(node.conv.weight.shape[0], *node.conv.output_size(source.height, source.width))


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantizedGraph:
    """Integer convolutions by node, in the structure of `graph`.

    Attributes:
        graph: the float network that was quantized, as equalized.
        convs: one for every node; the output's is `dequantized`, all others' maps are q in 0…255.
        int8_sums: what the weights were limited to.
    """

    graph: ConvGraph
    convs: Mapping[str, IntegerConv]
    int8_sums: Int8Sums


Compute = Callable[[Node, Tensor, Tensor | None], Tensor]
"""A node's map from the map that it reads and the one that it adds, if any."""


def activate(node: Node, x: Tensor, other: Tensor | None) -> Tensor:
    """A node's map in floats: *x* float[N,in,H,W], and *other* is what is added, twice as large."""
    y = convolve(node.conv, x)
    if other is not None:
        y = up_sample(y) + other
    return F.relu(y) if node.conv.relu else y


def walk(graph: ConvGraph, image: Tensor, compute: Compute = activate) -> Iterator[tuple[Node, Tensor]]:
    """Every node and its map, one after the other, for the image [N,3,H,W]."""
    maps = {IMAGE: image}
    for node in graph.nodes:
        maps[node.name] = compute(node, maps[node.source], maps[node.add] if node.add else None)
        yield node, maps[node.name]


def run(graph: ConvGraph, image: Tensor) -> Tensor:
    """Reference in torch: pixels float[N,3,H,W] → float[N,channels,H/s,W/s] in the image's precision."""
    *_, (_, output) = walk(graph, image)
    return output


def quantized_maps(quantized: QuantizedGraph, image: Tensor) -> dict[str, Tensor]:
    """Every map for pixels [N,3,H,W], by node: q as integers in float32, the output as it is."""

    def compute(node: Node, q: Tensor, other: Tensor | None) -> Tensor:
        conv = quantized.convs[node.name]
        return rescale(conv, accumulate(conv, q), other)

    return {IMAGE: image.float()} | {node.name: q for node, q in walk(quantized.graph, image, compute)}


def run_quantized(quantized: QuantizedGraph, image: Tensor) -> Tensor:
    """Reference: pixels [N,3,H,W] → float32[N,channels,H/s,W/s]; its integers are the kernels'."""
    return quantized_maps(quantized, image)[quantized.graph.output.name]


def planes(images: NDArray[np.uint8]) -> Tensor:
    """uint8[N,H,W,3] → float32[N,3,H,W], what the references read."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float()
