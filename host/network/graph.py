"""The network as the compiler sees it: convolutions, pools and contexts with their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from device_runtime.read.preprocess import DEFAULT

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution with bias and an optional ReLU.

    Attributes:
        name: of the layer.
        weight: float32[out, in, kh, kw].
        bias: float32[out].
        padding: zeros added on both sides of (H, W).
        relu: whether max(·, 0) follows.
        stride: from one pixel to the next, down and right.
    """

    name: str
    weight: FloatArray
    bias: FloatArray
    padding: tuple[int, int] = (0, 0)
    relu: bool = True
    stride: int = 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        kh, kw = self.weight.shape[2:]
        down, right = height + 2 * self.padding[0] - kh, width + 2 * self.padding[1] - kw
        return down // self.stride + 1, right // self.stride + 1


@dataclass(frozen=True)
class MaxPool:
    """3×3 max pool over the leading *channels* channels, stride (1, *stride*)."""

    name: str
    channels: int
    stride: int

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        return height - 2, (width - 3) // self.stride + 1


@dataclass(frozen=True)
class Context:
    """Average pool of the feature map after layer *source*, divided by the mean of the pooled squares."""

    source: str
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """Size of a feature map."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Network:
    """LPRNet rewritten: image float32[1,3,24,94] → logits float32[1,classes,18].

    The layers run in order; each context's pooled map is averaged over H, and `head`, a 1×1 convolution
    over the concatenated contexts, gives the logits.
    """

    layers: tuple[Conv | MaxPool, ...]
    contexts: tuple[Context, ...]
    head: Conv
    input: Shape = Shape(3, DEFAULT.height, DEFAULT.width)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Output size of every layer, by name; the image is `input`."""
        shapes = {"input": self.input}
        current = self.input
        for layer in self.layers:
            channels = layer.weight.shape[0] if isinstance(layer, Conv) else layer.channels
            current = shapes[layer.name] = Shape(channels, *layer.output_size(current.height, current.width))
        return shapes

    @property
    def convs(self) -> tuple[Conv, ...]:
        """The convolutions of the backbone, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    @property
    def classes(self) -> int:
        return int(self.head.weight.shape[0])

    @property
    def steps(self) -> int:
        """Width of the logits, in CTC time steps."""
        return self.shapes[self.layers[-1].name].width

    def macs_of(self, layer: Conv) -> int:
        """Multiply-accumulates of one convolution for one image; borders count as full."""
        shape = Shape(0, 1, self.steps) if layer is self.head else self.shapes[layer.name]
        return int(layer.weight.size) * shape.height * shape.width

    @property
    def macs(self) -> int:
        return sum(map(self.macs_of, (*self.convs, self.head)))

    @property
    def parameters(self) -> int:
        return sum(layer.weight.size + layer.bias.size for layer in (*self.convs, self.head))


def convolve(layer: Conv, x: Tensor) -> Tensor:
    """The convolution with its bias, before any ReLU: float[N,in,H,W] → float[N,out,H',W']."""
    weight, bias = (torch.from_numpy(a).to(x.dtype) for a in (layer.weight, layer.bias))
    return F.conv2d(x, weight, bias, layer.stride, layer.padding)


def activate(layer: Conv, x: Tensor) -> Tensor:
    """The convolution with its bias and, where it has one, its ReLU: float[N,in,H,W] → float[N,out,H',W']."""
    return F.relu(convolve(layer, x)) if layer.relu else convolve(layer, x)


def up_sample(x: Tensor) -> Tensor:
    """Every pixel as 2 × 2 pixels: [N,C,H,W] → [N,C,2·H,2·W], in whatever dtype *x* has."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def pool(layer: MaxPool, x: Tensor) -> Tensor:
    """[N,C,H,W] → [N,channels,H',W'], in whatever dtype *x* has, by one operator of torch."""
    return F.max_pool2d(x[:, : layer.channels], 3, (1, layer.stride))


def maxima(layer: MaxPool, x: Tensor) -> Tensor:
    """What `pool` computes, of rows and then of columns: on one core in a seventh of the time."""
    x = x[:, : layer.channels]
    rows = torch.maximum(torch.maximum(x[:, :, :-2], x[:, :, 1:-1]), x[:, :, 2:])
    end = rows.shape[3] - 2
    left, middle, right = (rows[..., start : end + start : layer.stride] for start in range(3))
    return torch.maximum(torch.maximum(left, middle), right)


def context(context: Context, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """What the head reads of the map of layer `context.source`: float[N,C,H,W] → float[N,C,1,18].

    Args:
        scale: [C], what an activation of 1 is worth; 1 by default.
    """
    pooled = F.avg_pool2d(x, context.kernel, context.stride)
    if scale is not None:
        pooled = pooled * scale[:, None, None]
    return pooled.mean(2, keepdim=True) / pooled.square().mean((1, 2, 3), keepdim=True)


def walk(
    network: Network,
    x: Tensor,
    conv: Callable[[Conv, Tensor], Tensor] = activate,
    pool: Callable[[MaxPool, Tensor], Tensor] = maxima,
) -> Iterator[tuple[Conv | MaxPool, Tensor]]:
    """Every layer and its output, one after the other, for the image [N,3,24,94] or what stands for it.

    Args:
        conv: computes a convolution and what belongs to it.
        pool: computes a pool.
    """
    for layer in network.layers:
        x = conv(layer, x) if isinstance(layer, Conv) else pool(layer, x)
        yield layer, x


def run(network: Network, image: Tensor, store: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
    """Reference in torch: float[N,3,24,94] → logits float[N,classes,18] in the image's precision.

    Args:
        store: makes of every convolution's output but the last what the next layer reads.
    """
    last = network.layers[-1]

    def conv(layer: Conv, x: Tensor) -> Tensor:
        return activate(layer, x) if layer is last else store(activate(layer, x))

    maps = {layer.name: x for layer, x in walk(network, image, conv)}
    return convolve(network.head, torch.cat([context(c, maps[c.source]) for c in network.contexts], 1))[
        :, :, 0
    ]
