"""How many channels each layer gives up, and which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from host.prune.channels import Channels, Selection
from host.prune.price import Price
from lprnet.network.model import LAYERS

Importance = Mapping[str, NDArray[np.float64]]
"""What the loss is thought to lose with each channel, by layer name; comparable across layers."""


@dataclass(frozen=True)
class Limit:
    """A budget: *price* is to be at most *amount*."""

    price: Price
    amount: float


def allocate(
    selection: Selection, importance: Importance, limits: list[Limit], classes: int, multiple: int
) -> dict[str, Channels]:
    """Remove channels of *selection* until every limit is kept.

    Again and again the *multiple* least important channels leave that map in which the importance lost is
    the smallest for what is saved, over the limits still exceeded, in shares of their amounts. Maps keep a
    multiple of *multiple* channels, those that only a context reads may vanish.

    Raises:
        FatalError: a limit cannot be kept.
    """
    current = dict(selection)
    while exceeded := [limit for limit in limits if limit.price.of(current, classes) > limit.amount]:
        best, least = None, np.inf
        for name, gone in _candidates(current, importance, multiple):
            smaller = {**current, name: current[name].without(gone)}
            saved = sum(
                (e.price.of(current, classes) - e.price.of(smaller, classes)) / e.amount for e in exceeded
            )
            lost = float(importance[name][list(gone)].sum())
            if saved > 0 and lost / saved < least:
                best, least = smaller, lost / saved
        if best is None:
            unit = exceeded[0].price.unit
            raise FatalError("--budget", f"no network is that small in {unit}", "allow more")
        current = best
    return current


def _candidates(
    selection: Selection, importance: Importance, multiple: int
) -> list[tuple[str, tuple[int, ...]]]:
    candidates = []
    for layer in LAYERS:
        channels = selection[layer.name]
        for part, least in ((channels.read, multiple), (channels.rest, 0)):
            count = len(part) % multiple or multiple
            if len(part) - count >= least and part:
                ranked = sorted(part, key=lambda c: importance[layer.name][c])
                candidates.append((layer.name, tuple(ranked[:count])))
    return candidates
