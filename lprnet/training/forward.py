"""The network's forward pass in training, by the fastest way that a machine has."""

from __future__ import annotations

import torch
from torch import Tensor

from lprnet.network.model import LPRNet
from lprnet.training import fast_cpu


def forward(model: LPRNet, images: Tensor) -> Tensor:
    """Logits float[N,classes,18] of float32[N,3,24,94], computed in bfloat16.

    In evaluation mode there are no gradients.
    """
    if images.device.type == "cpu" and fast_cpu.available() and fast_cpu.suits(model):
        return fast_cpu.forward(model, images)
    with torch.autocast(images.device.type, torch.bfloat16):
        return model(images)  # type: ignore[no-any-return]


def teach(teacher: LPRNet, images: Tensor) -> Tensor:
    """A teacher's logits, to learn from; *teacher* is in evaluation mode."""
    with torch.no_grad():
        return forward(teacher, images)
