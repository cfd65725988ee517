"""Prune, recalibrate, fine-tune, and again, until the budget is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from host.prune.allocate import Limit, allocate
from host.prune.channels import all_channels, cut
from host.prune.criteria import CRITERIA
from host.prune.price import Price
from host.prune.recalibrate import recalibrate
from lprnet.data.mixture import Batch
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import LAYERS

LOG = logging.getLogger(__name__)
FineTune = Callable[[int, Checkpoint], Checkpoint]
"""Number of the round and pruned network → trained network of the same widths."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to prune to.

    Attributes:
        shares: what is to be left of each price, by its key in `prices`.
        prices: by objective, of networks like the unpruned one.
        criterion: key of `CRITERIA`.
        rounds: how often is pruned; each leaves an equal share of what the one before left.
        multiple: channels come in this many.
    """

    shares: Mapping[str, float]
    prices: Mapping[str, Price]
    criterion: str = "taylor"
    rounds: int = 1
    multiple: int = 16


class LayerCut(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of one map.

    Attributes:
        before: how many there were.
        read: those left that the next layer reads, by their numbers before.
        context_only: those left that only a context reads.
    """

    name: str
    before: int
    read: list[int]
    context_only: list[int]


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What was cut.

    Attributes:
        budget: shares that were to be kept, by objective.
        rounds: of pruning.
        before, after: costs by objective, in `units`.
    """

    criterion: str
    budget: dict[str, float]
    multiple: int
    rounds: int
    before: dict[str, float]
    after: dict[str, float]
    units: dict[str, str]
    layers: list[LayerCut]


@dataclass(frozen=True)
class Pruned:
    """The pruned network, `checkpoint.sha256` being that of the unpruned one, and the record of it."""

    checkpoint: Checkpoint
    cut: Cut


def prune(
    checkpoint: Checkpoint,
    plan: Plan,
    batches: Sequence[Batch],
    fine_tune: FineTune | None = None,
) -> Pruned:
    """Remove channels of *checkpoint* until *plan* is fulfilled.

    Args:
        batches: labelled samples that importance and BatchNorm statistics are measured on.
        fine_tune: trains on after each round.

    Raises:
        FatalError: no network fulfils the plan.
    """
    classes = len(checkpoint.alphabet)
    whole = all_channels(checkpoint.state)
    before = {name: price.of(whole, classes) for name, price in plan.prices.items()}
    current = checkpoint
    numbers = {layer.name: np.arange(len(whole[layer.name])) for layer in LAYERS}
    for number in range(1, plan.rounds + 1):
        limits = [
            Limit(plan.prices[name], before[name] * share ** (number / plan.rounds))
            for name, share in plan.shares.items()
        ]
        importance = CRITERIA[plan.criterion](current, batches)
        selection = allocate(all_channels(current.state), importance, limits, classes, plan.multiple)
        for name, channels in selection.items():
            numbers[name] = numbers[name][channels.order]
        current = recalibrate(replace(current, state=cut(current.state, selection)), batches)
        left = {name: price.of(all_channels(current.state), classes) for name, price in plan.prices.items()}
        shares = ", ".join(f"{name} {left[name] / before[name]:.3f}" for name in left)
        LOG.info("round %d of %d: %s", number, plan.rounds, shares)
        if fine_tune is not None:
            current = fine_tune(number, current)
    kept = all_channels(current.state)
    layers = [
        LayerCut(
            name=name,
            before=len(whole[name]),
            read=_numbers(numbers[name], c.read),
            context_only=_numbers(numbers[name], c.rest),
        )
        for name, c in kept.items()
    ]
    record = Cut(
        criterion=plan.criterion,
        budget=dict(plan.shares),
        multiple=plan.multiple,
        rounds=plan.rounds,
        before=before,
        after={name: price.of(kept, classes) for name, price in plan.prices.items()},
        units={name: price.unit for name, price in plan.prices.items()},
        layers=layers,
    )
    return Pruned(replace(current, sha256=checkpoint.sha256), record)


def _numbers(numbers: NDArray[np.int64], places: Sequence[int]) -> list[int]:
    return sorted(int(numbers[i]) for i in places)
