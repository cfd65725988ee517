"""LPRNet as its paper and sirius-ai/LPRNet_Pytorch have it, in plain PyTorch, to compare imports with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = outputs // 4
        self.block = nn.Sequential(
            nn.Conv2d(inputs, middle, 1),
            nn.ReLU(),
            nn.Conv2d(middle, middle, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.Conv2d(middle, middle, (1, 3), padding=(0, 1)),
            nn.ReLU(),
            nn.Conv2d(middle, outputs, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return y


class ChannelPool(nn.Module):
    """`MaxPool3d((1, 3, 3), (channels, 1, width))` on the channels of a map, as it can be exported."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.strides = channels, width

    def forward(self, x: Tensor) -> Tensor:
        channels, width = self.strides
        return F.max_pool2d(x[:, ::channels], 3, (1, width))


class Published(nn.Module):
    """Logits [N,classes,18] of images [N,channels,24,94]; contexts are divided by a mean over the batch.

    Args:
        classes: with the blank.
        channels: of the input.
        widths: of the first convolution and the three blocks.
        gammas: learn a factor for every channel of the contexts.
        bare: the container is the convolution itself.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 3,
        widths: tuple[int, int, int, int] = (64, 128, 256, 256),
        gammas: bool = False,
        bare: bool = False,
    ) -> None:
        super().__init__()
        stem, first, second, third = widths
        kept = -(-first // 2), -(-third // 4)
        self.backbone = nn.Sequential(
            nn.Conv2d(channels, stem, 3),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
            ChannelPool(1, 1),
            Block(stem, first),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            ChannelPool(2, 2),
            Block(kept[0], second),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            Block(second, third),
            nn.BatchNorm2d(third),
            nn.ReLU(),
            ChannelPool(4, 2),
            nn.Dropout(0.5),
            nn.Conv2d(kept[1], 256, (1, 4)),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(256, classes, (13, 1)),
            nn.BatchNorm2d(classes),
            nn.ReLU(),
        )
        sizes = stem, first, third, classes
        head = nn.Conv2d(sum(sizes), classes, 1)
        self.container = head if bare else nn.Sequential(head)
        self.gammas = nn.ParameterList([torch.ones(size) for size in sizes]) if gammas else None

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for index, layer in enumerate(self.backbone):
            x = layer(x)
            if index in (2, 6, 13, 22):
                maps.append(x)
        maps[0], maps[1] = F.avg_pool2d(maps[0], 5, 5), F.avg_pool2d(maps[1], 5, 5)
        maps[2] = F.avg_pool2d(maps[2], (4, 10), (4, 2))
        contexts = [f / f.pow(2).mean() for f in maps]
        if self.gammas is not None:
            contexts = [f * g.view(1, -1, 1, 1) for f, g in zip(contexts, self.gammas, strict=True)]
        logits: Tensor = self.container(torch.cat(contexts, 1)).mean(2)
        return logits


def trained(model: Published, seed: int = 0) -> Published:
    """*model* in evaluation mode with weights and statistics that no layer would start with."""
    torch.manual_seed(seed)
    for name, value in model.state_dict().items():
        if name.endswith(("running_mean", "running_var")) or (value.dim() == 1 and value.is_floating_point()):
            value.copy_(torch.rand(value.shape) + 0.5)
    return model.eval()


def one_by_one(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of *images* at batch 1."""
    with torch.inference_mode():
        return torch.cat([model(image[None]) for image in images])


def flat(model: nn.Module) -> dict[str, Tensor]:
    """Its state dict."""
    return dict(model.state_dict())
