"""Pruned networks for checkpoints that none are shipped for: pruned in one step and not trained on."""

from __future__ import annotations

import numpy as np

from host.network.simplify import simplify
from host.prune import price
from host.prune.prune import Plan, prune
from lprnet.data.mixture import Batch, to_input
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint
from lprnet.plates import render

MACS = 0.7
SEED, BATCHES, BATCH = 11, 24, 32


def rendered(alphabet: Alphabet) -> list[Batch]:
    """Blue plates, which every alphabet of this country's plates can write."""
    batches = []
    for first in range(0, BATCHES * BATCH, BATCH):
        crops = [render(SEED, i, kind="blue") for i in range(first, first + BATCH)]
        batches.append(Batch(to_input(np.stack([c.image for c in crops])), tuple(c.text for c in crops)))
    return batches


def prune_untrained(checkpoint: Checkpoint) -> Checkpoint:
    """*checkpoint* with `MACS` of its MACs left.

    Raises:
        FatalError: its alphabet lacks characters of blue plates.
    """
    batches = rendered(checkpoint.alphabet)
    plan = Plan(shares={"macs": MACS}, prices={"macs": price.macs(simplify(checkpoint))})
    return prune(checkpoint, plan, batches).checkpoint
