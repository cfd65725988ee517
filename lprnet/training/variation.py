"""Small changes to samples that are seen again, made where the network is trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from device_runtime.read.preprocess import DEFAULT

MOVED, SOFTER, HARDER, NOISY = 0.5, 0.15, 0.1, 0.4
"""Shares of samples that are moved and turned, blurred, sharpened, and given noise."""


def varied(images: Tensor) -> Tensor:
    """*images* float32[N,3,24,94], the network's input, each a little otherwise placed, lit and focused.

    Places differ by some 2 % of the width and 4 % of the height, light by some 10 %.
    """
    count, device = len(images), images.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device)

    def share(part: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, device=device) < part).float()

    moved = share(MOVED)[:, 0, 0]
    wander = normal(count, 2, 3) * torch.tensor([[0.02, 0.02, 0.015], [0.06, 0.035, 0.04]], device=device)
    steady = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=device)
    grid = F.affine_grid(steady + wander * moved[:, :, None], list(images.shape), align_corners=False)
    x = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    # From here on in grey levels around the middle one.
    x = x / DEFAULT.scale
    gain = torch.exp(0.1 * normal(count, 1, 1, 1) + 0.05 * normal(count, 3, 1, 1))
    x = (x + DEFAULT.mean) * gain - DEFAULT.mean + 6 * normal(count, 1, 1, 1)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    strength = torch.rand(count, 1, 1, 1, device=device)
    x = x + (0.6 * share(SOFTER) - 0.4 * share(HARDER)) * strength * (soft - x)
    x = x + share(NOISY) * 3 * normal(count, 1, 1, 1).abs() * torch.randn_like(x)
    return x.clamp(-DEFAULT.mean, 255 - DEFAULT.mean) * DEFAULT.scale
