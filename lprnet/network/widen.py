"""Channels added to a trained network without changing what it computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from device_runtime.errors import FatalError
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import BLOCK, LAYERS, LPRNet, Widths

WIDENABLE = tuple(layer.name for layer in LAYERS if not layer.context)
"""Layers that can have more channels; the others are contexts, scaled by a mean over all their channels."""
MOST = 4096
"""Channels, so that a slip of the keyboard does not end in a lack of memory."""


def widen(checkpoint: Checkpoint, layers: Iterable[str], seed: int = 0) -> dict[str, Tensor]:
    """Weights of a wider network that computes what *checkpoint* does.

    New channels come after the old ones and start at random, as PyTorch starts a convolution; what reads them
    gives them a weight of zero, which the first step of training changes. (Net2Net, Chen et al.,
    arXiv:1511.05641, copies channels instead, which then have to grow apart.)

    Args:
        checkpoint: the network to start from.
        layers: what to widen, "LAYER=CHANNELS" with a layer of `WIDENABLE`.
        seed: of the new channels.

    Raises:
        FatalError: no such layer, it has more channels already, or they would be more than `MOST`.
    """
    widths = Widths.of(checkpoint.state)
    for layer in layers:
        widths = _widened(widths, layer)
    torch.manual_seed(seed)
    state = LPRNet(len(checkpoint.alphabet), widths=widths).state_dict()
    for name, tensor in state.items():
        known = checkpoint.state[name]
        if tensor.ndim > 1:
            tensor[: len(known)] = 0.0
        tensor[tuple(slice(n) for n in known.shape)] = known
    return state


def _widened(widths: Widths, wish: str) -> Widths:
    layer, _, number = wish.partition("=")
    if layer not in WIDENABLE or not number.isdecimal():
        raise FatalError(
            f"--to {wish}",
            "not a layer that can be widened, and its channels",
            f"write LAYER=CHANNELS with one of {', '.join(WIDENABLE)}",
        )
    field, _, part = layer.partition(".")
    before, channels = getattr(widths, field), int(number)
    now = before[BLOCK.index(part)] if part else before
    if channels > MOST:
        raise FatalError(f"--to {wish}", "more channels than any use has", f"give {MOST} or fewer")
    if channels < now:
        raise FatalError(f"--to {wish}", f"{layer} has {now} channels already", f"give {now} or more")
    after: Any = channels
    if part:
        after = tuple(channels if name == part else n for name, n in zip(BLOCK, before, strict=True))
    return replace(widths, **{field: after})
