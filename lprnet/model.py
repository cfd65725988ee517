"""LPRNet (Zherzdev and Gruzdev, arXiv:1806.10447) with the layers and names of sirius-ai/LPRNet_Pytorch."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEIGHT, WIDTH = 24, 94
STEPS = 18
"""Width of the output: time steps that CTC reads."""


class SmallBasicBlock(nn.Module):
    """1×1 → 3×1 → 1×3 → 1×1 bottleneck: float[N,channels_in,H,W] → float[N,channels_out,H,W]."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        inner = channels_out // 4
        self.block = nn.Sequential(
            nn.Conv2d(channels_in, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, inner, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.Conv2d(inner, inner, (1, 3), padding=(0, 1)),
            nn.ReLU(),
            nn.Conv2d(inner, channels_out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.block(x))


class ChannelStridePool(nn.Module):
    """Every *channel_stride*-th channel, then a 3×3 max pool with stride (1, *width_stride*).

    Equals the published `MaxPool3d((1,3,3), stride=(channel_stride,1,width_stride))` on the 4-D map, and
    is a graph that ONNX Runtime, TVM and channels-last training accept.
    """

    def __init__(self, channel_stride: int, width_stride: int) -> None:
        super().__init__()
        self.channel_stride, self.width_stride = channel_stride, width_stride

    def forward(self, x: Tensor) -> Tensor:
        if self.channel_stride > 1:
            x = x[:, :: self.channel_stride]
        return F.max_pool2d(x, 3, (1, self.width_stride))


class LPRNet(nn.Module):
    """float32[N,3,24,94] → logits float32[N,num_classes,18].

    Each of the four contexts is divided by the mean of its squares over (C,H,W) **of the sample**. The
    published code averages over the batch too, so that its output depends on batch mates.

    Args:
        num_classes: classes with the blank.
        dropout: probability of the two dropout layers.
    """

    def __init__(self, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 64, 3),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            ChannelStridePool(1, 1),
            SmallBasicBlock(64, 128),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            ChannelStridePool(2, 2),
            SmallBasicBlock(64, 256),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            SmallBasicBlock(256, 256),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            ChannelStridePool(4, 2),
            nn.Dropout(dropout),
            nn.Conv2d(64, 256, (1, 4)),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(256, num_classes, (13, 1)),
            nn.BatchNorm2d(num_classes),
            nn.ReLU(),
        )
        self.container = nn.Sequential(nn.Conv2d(448 + num_classes, num_classes, 1))

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
