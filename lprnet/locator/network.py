"""The locator's two networks, as tables of layers.

    FIND    image ─ c1 ─ c2 ─ c3 ──────────────────────── l4 ─ p3 ─ head     stride 8
                    /2   /4   /8 │                       │ + c3
                                 c4 ─ b4 ─────────── l5 ─┘
                                 /16    │           │ + b4
                                        c5 ─ b5 ─ b6┘
                                        /32

    REFINE  image ─ r1 ─ r2 ──────────────────── l4 ─ p2 ─ head              stride 4
                    /2   /4 │                   │ + r2
                            r3 ─ r4 ─────── l5 ─┘
                            /8      │      │ + r4
                                    r5 ─ r6┘
                                    /16

All convolutions are 3×3 or 1×1 with BatchNorm and ReLU (heads: a bias and neither). What l5 and l4 compute is
upsampled ×2 by repetition, and the map at the same height is added before the ReLU, as in a feature pyramid
(Lin et al., arXiv:1612.03144).

FIND says of every cell of 8×8 pixels whether a plate is there, as CenterNet does (Zhou et al.,
arXiv:1904.07850), with corners in place of a box. REFINE sees one plate, or what was taken for one, in the
middle of a view, and gives a heatmap for each corner, and whether it is a plate and has two rows. What the
channels mean is in `device_runtime.locate.decode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from device_runtime.locate.decode import CHANNELS, CORNERS, ROWS, SCORE, VIEW_CHANNELS, VIEW_ROWS

SCALE = 1 / 64
"""The input is BGR · SCALE: a pixel of zero is the zero that convolutions pad with."""


@dataclass(frozen=True)
class Layer:
    """A convolution with BatchNorm and ReLU; a head, without `relu`, has a bias instead.

    Attributes:
        name: of its parameters.
        source: layer whose map it reads, or "image".
        channels_in: channels of that.
        channels: it computes.
        kernel: 1 or 3; padded with zeros so that only the stride makes the map smaller.
        stride: 1 or 2.
        add: layer whose map is added to this one's, upsampled ×2, before the ReLU.
        relu: whether it has BatchNorm and ReLU.
    """

    name: str
    source: str
    channels_in: int
    channels: int
    kernel: int = 3
    stride: int = 1
    add: str | None = None
    relu: bool = True

    def macs(self, height: int, width: int) -> int:
        """Multiply-accumulates for a map of *height* × *width* that it computes (before upsampling)."""
        return self.kernel**2 * self.channels_in * self.channels * height * width


Layers = tuple[Layer, ...]
"""A network: layers in an order in which they can be computed; the last one's map is the output."""

FIND: Layers = (
    Layer("c1", "image", 3, 8, stride=2),
    Layer("c2", "c1", 8, 24, stride=2),
    Layer("c3", "c2", 24, 32, stride=2),
    Layer("c4", "c3", 32, 64, stride=2),
    Layer("b4", "c4", 64, 64),
    Layer("c5", "b4", 64, 80, stride=2),
    Layer("b5", "c5", 80, 80),
    Layer("b6", "b5", 80, 80),
    Layer("l5", "b6", 80, 64, kernel=1, add="b4"),
    Layer("l4", "l5", 64, 32, kernel=1, add="c3"),
    Layer("p3", "l4", 32, 32),
    Layer("head", "p3", 32, CHANNELS, kernel=1, relu=False),
)
"""uint8[H,W,3] BGR, H and W multiples of 32 → float32[`CHANNELS`,H/8,W/8]."""

REFINE: Layers = (
    Layer("r1", "image", 3, 16, stride=2),
    Layer("r2", "r1", 16, 24, stride=2),
    Layer("r3", "r2", 24, 40, stride=2),
    Layer("r4", "r3", 40, 40),
    Layer("r5", "r4", 40, 56, stride=2),
    Layer("r6", "r5", 56, 56),
    Layer("l5", "r6", 56, 40, kernel=1, add="r4"),
    Layer("l4", "l5", 40, 24, kernel=1, add="r2"),
    Layer("p2", "l4", 24, 24),
    Layer("head", "p2", 24, VIEW_CHANNELS, kernel=1, relu=False),
)
"""A view uint8[64,128,3] BGR → float32[`VIEW_CHANNELS`,16,32]."""


def multiply_accumulates(layers: Layers, height: int, width: int) -> int:
    """For an input of *height* × *width* pixels, which all strides divide."""
    sizes, total = {"image": (height, width)}, 0
    for layer in layers:
        h, w = (side // layer.stride for side in sizes[layer.source])
        total += layer.macs(h, w)
        sizes[layer.name] = (2 * h, 2 * w) if layer.add else (h, w)
    return total


class Conv(nn.Module):
    """One `Layer`'s parameters: float[N,channels_in,H,W] → float[N,channels,H/stride,W/stride]."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            layer.channels_in,
            layer.channels,
            layer.kernel,
            layer.stride,
            layer.kernel // 2,
            bias=not layer.relu,
        )
        self.norm = nn.BatchNorm2d(layer.channels) if layer.relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.conv(x)))


class ConvNet(nn.Module):
    """The network of *layers*: float32[N,3,H,W], see `input_of` → float[N,channels,h,w]."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self.layers = layers
        for layer in layers:
            self.add_module(layer.name, Conv(layer))

    def forward(self, x: Tensor) -> Tensor:
        maps = {"image": x}
        y = x
        for layer in self.layers:
            y = self.get_submodule(layer.name)(maps[layer.source])
            if layer.add:
                y = F.interpolate(y, scale_factor=2.0, mode="nearest") + maps[layer.add]
            y = maps[layer.name] = F.relu(y) if layer.relu else y
        return y


class LocatorNet(nn.Module):
    """Both networks; parameters are called `find.LAYER.…` and `refine.LAYER.…`."""

    def __init__(self) -> None:
        super().__init__()
        self.find = ConvNet(FIND)
        self.refine = ConvNet(REFINE)
        with torch.no_grad():
            for network in (self.find, self.refine):
                nn.init.normal_(network.get_parameter("head.conv.weight"), std=0.01)
                network.get_parameter("head.conv.bias").zero_()
            # One cell in a hundred is a plate, one plate in ten has two rows, and plates are wide.
            bias = self.find.get_parameter("head.conv.bias")
            bias[SCORE], bias[ROWS] = -4.6, -2.2
            bias[CORNERS] = torch.tensor([-0.5, -0.16, 0.5, -0.16, 0.5, 0.16, -0.5, 0.16])
            self.refine.get_parameter("head.conv.bias")[VIEW_ROWS] = -2.2


def input_of(images: Tensor) -> Tensor:
    """uint8[N,H,W,3] BGR → float32[N,3,H,W], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() * SCALE
