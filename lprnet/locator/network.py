"""The locator's network, as a table of layers.

    frame ─ c1 ─ c2 ─ c3 ───────────── l4 ─ p3 ─ find    first look, stride 8
            /2   /4   /8 │           │ (+up)  └─ q3 ─ look   second look, stride 8 (q3 instead of p3)
                         c4 ─ b4 ─ l5
                         /16    │  (+up)
                               c5 ─ b5 ─ b6
                               /32

All convolutions are 3×3 or 1×1 with BatchNorm and ReLU (heads: a bias and neither); maps are upsampled ×2 by
repetition and added, as in a feature pyramid (Lin et al., arXiv:1612.03144). Output is one vector a cell of
`decode.STRIDE` pixels, as in CenterNet (Zhou et al., arXiv:1904.07850), with corners in place of a box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lprnet.locator.decode import CHANNELS, CORNERS, ROWS, SCORE

MEAN, SCALE = 127.5, 1 / 64
"""The input is (BGR - MEAN) · SCALE."""

Look = Literal["find", "look"]
"""The first look, or the second one: which head is computed."""


@dataclass(frozen=True)
class Layer:
    """A convolution with BatchNorm and ReLU; a head, without `ReLU`, has a bias instead.

    Attributes:
        name: of its parameters.
        source: layer whose map it reads, or "image".
        channels_in: channels of that.
        channels: it computes.
        kernel: 1 or 3; padded so that only the stride makes the map smaller.
        stride: 1 or 2.
        add: layer whose map is added to this one's, upsampled ×2, before the ReLU.
        head: of one look; computed for it only. None: for both.
        relu: whether it has BatchNorm and ReLU.
    """

    name: str
    source: str
    channels_in: int
    channels: int
    kernel: int = 3
    stride: int = 1
    add: str | None = None
    head: Look | None = None
    relu: bool = True

    def macs(self, height: int, width: int) -> int:
        """Multiply-accumulates for a map of *height* × *width* that it computes (before upsampling)."""
        return self.kernel**2 * self.channels_in * self.channels * height * width


LAYERS: tuple[Layer, ...] = (
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
    Layer("p3", "l4", 32, 32, head="find"),
    Layer("find", "p3", 32, CHANNELS, kernel=1, head="find", relu=False),
    Layer("q3", "l4", 32, 40, head="look"),
    Layer("look", "q3", 40, CHANNELS, kernel=1, head="look", relu=False),
)


def layers_of(look: Look) -> tuple[Layer, ...]:
    """What is computed for *look*, in order."""
    return tuple(layer for layer in LAYERS if layer.head in (None, look))


def multiply_accumulates(look: Look, height: int, width: int) -> int:
    """Of one look at an input of *height* × *width* pixels (multiples of `geometry.GRID`)."""
    sizes, total = {"image": (height, width)}, 0
    for layer in layers_of(look):
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


class LocatorNet(nn.Module):
    """float32[N,3,H,W] (BGR - `MEAN`) · `SCALE` → float[N,CHANNELS,H/8,W/8]; H, W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({layer.name: Conv(layer) for layer in LAYERS})
        for name in ("find", "look"):
            head = cast(Conv, self.layers[name]).conv
            assert head.bias is not None
            with torch.no_grad():
                nn.init.normal_(head.weight, std=0.01)
                head.bias.zero_()
                # One cell in a hundred is a plate, one plate in ten has two rows, and plates are wide.
                head.bias[SCORE], head.bias[ROWS] = -4.6, -2.2
                head.bias[CORNERS] = torch.tensor([-0.5, -0.16, 0.5, -0.16, 0.5, 0.16, -0.5, 0.16])

    def forward(self, x: Tensor, look: Look = "find") -> Tensor:
        maps = {"image": x}
        for layer in layers_of(look):
            y = self.layers[layer.name](maps[layer.source])
            if layer.add:
                y = F.interpolate(y, scale_factor=2.0, mode="nearest") + maps[layer.add]
            maps[layer.name] = F.relu(y) if layer.relu else y
        return maps[look]


def input_of(images: Tensor) -> Tensor:
    """uint8[N,H,W,3] BGR → float32[N,3,H,W], channels last in memory."""
    return (images.permute(0, 3, 1, 2).float() - MEAN) * SCALE
