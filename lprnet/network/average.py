"""One network out of several that were trained on from the same start."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from device_runtime.errors import FatalError
from lprnet.network.checkpoint import Checkpoint


def average(checkpoints: Sequence[Checkpoint], names: Sequence[str]) -> Checkpoint:
    """The mean of every weight, a "model soup" (Wortsman et al., arXiv:2203.05482).

    What integers there are (BatchNorm's counters) and the lineage are the first one's.
    Networks that did not start from the same weights have no mean that reads anything.

    Args:
        checkpoints: at least one.
        names: of each, for messages.

    Raises:
        FatalError: alphabets or shapes differ.
    """
    first = checkpoints[0]
    for checkpoint, name in zip(checkpoints, names, strict=True):
        if checkpoint.alphabet != first.alphabet:
            raise FatalError(
                name, f"reads another alphabet than {names[0]}", "average runs with the same classes"
            )
        odd = next((k for k, v in first.state.items() if checkpoint.state[k].shape != v.shape), None)
        if odd is not None:
            raise FatalError(
                name, f"its {odd} has another shape than {names[0]}'s", "average runs of the same network"
            )
    state = {
        key: torch.stack([c.state[key] for c in checkpoints]).mean(0) if value.is_floating_point() else value
        for key, value in first.state.items()
    }
    parts = ", ".join(c.sha256 for c in checkpoints)
    return Checkpoint(state, first.alphabet, metadata=first.lineage | {"average of": parts})
