"""Checkpoints for tests: untrained networks."""

from __future__ import annotations

from pathlib import Path

import torch

from lprnet.network.alphabet import OWN, Alphabet
from lprnet.network.checkpoint import Checkpoint, save_checkpoint
from lprnet.network.model import LPRNet, Widths

NARROW = Widths(
    stem=48,
    block1=(16, 32, 16, 112),
    pool2=48,
    block2=(48, 32, 64, 160),
    block3=(32, 48, 48, 208),
    pool3=64,
    wide=112,
    tall=59,
)
"""Pools keep every second of 96 of 112 channels, and every third of 192 of 208."""


def random_checkpoint(alphabet: Alphabet = OWN, *, seed: int = 0, widths: Widths | None = None) -> Checkpoint:
    """An untrained network whose BatchNorms are far from the identity."""
    torch.manual_seed(seed)
    state = LPRNet(len(alphabet), widths=widths).state_dict()
    for name, value in state.items():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand(value.shape) + 0.5)
        elif value.dim() == 1 and value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.1)
    return Checkpoint(state, alphabet, sha256="0" * 64)


def written(path: Path, checkpoint: Checkpoint | None = None, **metadata: str) -> Path:
    """*checkpoint*, or a random one, as the file *path*."""
    checkpoint = checkpoint or random_checkpoint()
    save_checkpoint(path, checkpoint.state, checkpoint.alphabet, metadata)
    return path
