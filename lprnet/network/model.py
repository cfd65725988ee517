"""LPRNet (Zherzdev and Gruzdev, arXiv:1806.10447) with the layers and names of sirius-ai/LPRNet_Pytorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEIGHT, WIDTH = 24, 94
STEPS = 18
"""Width of the output: time steps that CTC reads."""


@dataclass(frozen=True)
class Widths:
    """Channels of every layer; the defaults are LPRNet as published.

    A block has four numbers, one for each of its convolutions.

    Attributes:
        pool2, pool3: channels that the pool behind block 1 and block 3 keeps.
        tall: of the last convolution before the container; None means one for every class.
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

        def out(layer: str) -> int:
            return state[f"backbone.{layer}.weight"].shape[0]

        def block(index: int) -> tuple[int, int, int, int]:
            return (
                out(f"{index}.block.0"),
                out(f"{index}.block.2"),
                out(f"{index}.block.4"),
                out(f"{index}.block.6"),
            )

        return cls(
            stem=out("0"),
            block1=block(4),
            pool2=state["backbone.8.block.0.weight"].shape[1],
            block2=block(8),
            block3=block(11),
            pool3=state["backbone.16.weight"].shape[1],
            wide=out("16"),
            tall=out("20"),
        )


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

    Args:
        num_classes: classes with the blank.
        dropout: probability of the two dropout layers.
        widths: channels of the layers.
    """

    def __init__(self, num_classes: int, dropout: float = 0.5, widths: Widths | None = None) -> None:
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
            if index in (2, 6):
                contexts.append(F.avg_pool2d(x, 5, 5))
            elif index == 13:
                contexts.append(F.avg_pool2d(x, (4, 10), (4, 2)))
            elif index == 22:
                contexts.append(x)
        scaled = [c / c.square().mean((1, 2, 3), keepdim=True) for c in contexts]
        return cast(Tensor, self.container(torch.cat(scaled, 1)).mean(2))
