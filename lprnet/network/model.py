"""LPRNet (Zherzdev and Gruzdev, arXiv:1806.10447) with the layers and names of sirius-ai/LPRNet_Pytorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from device_runtime.read.preprocess import DEFAULT

HEIGHT, WIDTH = DEFAULT.height, DEFAULT.width
"""px, of the crops that are read."""
STEPS = 18
"""Width of the output: time steps that CTC reads."""

BLOCK = ("reduce", "vertical", "horizontal", "expand")
"""The convolutions of a `SmallBasicBlock`."""


@dataclass(frozen=True)
class AveragePool:
    """How a feature map becomes a context: kernel and stride (H, W) of an average pool."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        """float[N,C,H,W] → float[N,C,4,18] for the map that this is the pool of."""
        return x if self.kernel == (1, 1) else F.avg_pool2d(x, self.kernel, self.stride)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution of the backbone and what follows it: BatchNorm, ReLU, a context, a max pool.

    Attributes:
        name: what it is called everywhere but in the state dict.
        conv: prefix of the convolution's keys in the state dict.
        norm: that of the BatchNorm's behind it, if there is one.
        padding: zeros added on both sides of (H, W).
        context: how the container reads the map, if it does.
        pool_stride: along W, of the 3×3 max pool before the next layer, if there is one.
    """

    name: str
    conv: str
    norm: str | None = None
    padding: tuple[int, int] = (0, 0)
    context: AveragePool | None = None
    pool_stride: int | None = None

    @property
    def scales(self) -> tuple[str, str]:
        """Tensors whose rows, multiplied by a number, multiply the map's channels by it."""
        last = self.norm or self.conv
        return f"{last}.weight", f"{last}.bias"

    def owns(self, name: str) -> bool:
        """Whether *name* in a state dict is of the convolution or the BatchNorm."""
        return name.startswith((f"{self.conv}.", f"{self.norm}."))

    @property
    def output(self) -> int:
        """Index in `LPRNet.backbone` of the ReLU that gives the map, for a layer with BatchNorm."""
        assert self.norm is not None
        return int(self.norm.removeprefix("backbone.")) + 1


def _block(
    name: str, index: int, context: AveragePool | None = None, pool_stride: int | None = None
) -> tuple[Layer, ...]:
    key = f"backbone.{index}.block"
    return (
        Layer(name=f"{name}.reduce", conv=f"{key}.0"),
        Layer(name=f"{name}.vertical", conv=f"{key}.2", padding=(1, 0)),
        Layer(name=f"{name}.horizontal", conv=f"{key}.4", padding=(0, 1)),
        Layer(
            name=f"{name}.expand",
            conv=f"{key}.6",
            norm=f"backbone.{index + 1}",
            context=context,
            pool_stride=pool_stride,
        ),
    )


LAYERS = (
    Layer(
        name="stem",
        conv="backbone.0",
        norm="backbone.1",
        context=AveragePool((5, 5), (5, 5)),
        pool_stride=1,
    ),
    *_block("block1", 4, AveragePool((5, 5), (5, 5)), pool_stride=2),
    *_block("block2", 8),
    *_block("block3", 11, AveragePool((4, 10), (4, 2)), pool_stride=2),
    Layer(name="wide", conv="backbone.16", norm="backbone.17"),
    Layer(name="tall", conv="backbone.20", norm="backbone.21", context=AveragePool()),
)
"""In order; each reads the one before, and the container reads the contexts one after the other."""

CONTAINER = "container.0"
"""Prefix of the keys of the 1×1 convolution over the contexts, which gives the logits."""

CONTEXTS = {layer.output: layer.context for layer in LAYERS if layer.context}
"""Index of a ReLU in `LPRNet.backbone` → how its map becomes a context."""


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Channels of every layer; the defaults are LPRNet as published.

    A block has four numbers, one for each of its convolutions (`BLOCK`).

    Attributes:
        stem: of the first convolution.
        block1: of the first block.
        pool2: that the pool behind block 1 keeps.
        block2: of the second block.
        block3: of the third block.
        pool3: that the pool behind block 3 keeps.
        wide: of the 1×4 convolution.
        tall: of the 13×1 convolution, the last one before the container; None means one for every class.
    """

    stem: int = 64
    block1: tuple[int, int, int, int] = (32, 32, 32, 128)
    pool2: int = 64
    block2: tuple[int, int, int, int] = (64, 64, 64, 256)
    block3: tuple[int, int, int, int] = (64, 64, 64, 256)
    pool3: int = 64
    wide: int = 256
    tall: int | None = None

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Widths:
        """Read off a state dict's shapes; the result depends on some of its tensors only."""

        weights = {layer.name: state[f"{layer.conv}.weight"] for layer in LAYERS}
        out = {name: weight.shape[0] for name, weight in weights.items()}

        def block(name: str) -> tuple[int, int, int, int]:
            reduced, vertical, horizontal, expanded = (out[f"{name}.{part}"] for part in BLOCK)
            return reduced, vertical, horizontal, expanded

        return cls(
            stem=out["stem"],
            block1=block("block1"),
            pool2=weights["block2.reduce"].shape[1],
            block2=block("block2"),
            block3=block("block3"),
            pool3=weights["wide"].shape[1],
            wide=out["wide"],
            tall=out["tall"],
        )

    @property
    def pooled(self) -> dict[str, int]:
        """Layers that a pool follows, by name, and the channels that it keeps."""
        return {"stem": self.stem, "block1.expand": self.pool2, "block3.expand": self.pool3}


def kept_channels(channels: int, kept: int) -> slice:
    """Which *kept* of *channels* channels a pool passes on: every s-th one, s = channels // kept.

    For the published widths that is the published pool's channel stride.
    """
    step = channels // kept
    return slice(0, step * kept, step)


class SmallBasicBlock(nn.Module):
    """1×1 → 3×1 → 1×3 → 1×1 bottleneck: float[N,channels_in,H,W] → float[N,widths[3],H,W]."""

    def __init__(self, channels_in: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        reduced, vertical, horizontal, channels_out = widths
        self.block = nn.Sequential(
            nn.Conv2d(channels_in, reduced, 1),
            nn.ReLU(),
            nn.Conv2d(reduced, vertical, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.Conv2d(vertical, horizontal, (1, 3), padding=(0, 1)),
            nn.ReLU(),
            nn.Conv2d(horizontal, channels_out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.block(x))


class ChannelStridePool(nn.Module):
    """*kept* of the channels (`kept_channels`), then a 3×3 max pool with stride (1, *width_stride*).

    Equals the published `MaxPool3d((1,3,3), stride=(channel_stride,1,width_stride))` on the 4-D map, and
    is a graph that ONNX Runtime, TVM and channels-last training accept.
    """

    def __init__(self, kept: int, width_stride: int) -> None:
        super().__init__()
        self.kept, self.width_stride = kept, width_stride

    def forward(self, x: Tensor) -> Tensor:
        if self.kept < x.shape[1]:
            x = x[:, kept_channels(x.shape[1], self.kept)]
        return F.max_pool2d(x, 3, (1, self.width_stride))


class LPRNet(nn.Module):
    """float32[N,3,24,94] → logits float32[N,num_classes,18].

    Each of the four contexts is divided by the mean of its squares over (C,H,W) **of the sample**. The
    published code averages over the batch too, so that its output depends on batch mates.

    Attributes:
        num_classes: classes with the blank.
        backbone: everything before the head; `LAYERS` says what is where.
        container: the 1×1 convolution over the contexts.
    """

    def __init__(self, num_classes: int, dropout: float = 0.5, widths: Widths | None = None) -> None:
        """A network with random weights.

        Args:
            num_classes: classes with the blank.
            dropout: probability of the two dropout layers.
            widths: channels of the layers; as published by default.
        """
        super().__init__()
        self.num_classes = num_classes
        w = widths or Widths()
        tall = num_classes if w.tall is None else w.tall
        self.backbone = nn.Sequential(
            nn.Conv2d(3, w.stem, 3),
            nn.BatchNorm2d(w.stem),
            nn.ReLU(),
            ChannelStridePool(w.stem, 1),
            SmallBasicBlock(w.stem, w.block1),
            nn.BatchNorm2d(w.block1[3]),
            nn.ReLU(),
            ChannelStridePool(w.pool2, 2),
            SmallBasicBlock(w.pool2, w.block2),
            nn.BatchNorm2d(w.block2[3]),
            nn.ReLU(),
            SmallBasicBlock(w.block2[3], w.block3),
            nn.BatchNorm2d(w.block3[3]),
            nn.ReLU(),
            ChannelStridePool(w.pool3, 2),
            nn.Dropout(dropout),
            nn.Conv2d(w.pool3, w.wide, (1, 4)),
            nn.BatchNorm2d(w.wide),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(w.wide, tall, (13, 1)),
            nn.BatchNorm2d(tall),
            nn.ReLU(),
        )
        contexts = w.stem + w.block1[3] + w.block3[3] + tall
        self.container = nn.Sequential(nn.Conv2d(contexts, num_classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        contexts = []
        for index, layer in enumerate(self.backbone):
            x = layer(x)
            if index in CONTEXTS:
                contexts.append(CONTEXTS[index](x))
        return cast(Tensor, self.container(torch.cat([normalized(c) for c in contexts], 1)).mean(2))


def normalized(context: Tensor) -> Tensor:
    """A context float[N,C,4,18] divided by the mean of its squares over each sample."""
    return context / context.square().mean((1, 2, 3), keepdim=True)
