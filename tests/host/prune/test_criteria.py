from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from host.prune.channels import all_channels
from host.prune.criteria import CRITERIA
from host.prune.names import CRITERIA as NAMES
from lprnet.data.mixture import Batch
from lprnet.network.checkpoint import Checkpoint


@pytest.mark.parametrize("criterion", NAMES)
def test_criteria_find_a_useless_channel(criterion: str, shipped: Checkpoint, batches: list[Batch]) -> None:
    state = {name: t.clone() for name, t in shipped.state.items()}
    for key in ("backbone.16.weight", "backbone.16.bias", "backbone.17.weight", "backbone.17.bias"):
        state[key][7] *= 1e-4
    importance = CRITERIA[criterion](replace(shipped, state=state), batches * 8)
    assert {name: len(v) for name, v in importance.items()} == {
        name: len(c) for name, c in all_channels(state).items()
    }
    # Far from all others is what the geometric median calls important.
    if criterion != "median":
        # Gates close some other channels, too.
        assert importance["wide"][7] == importance["wide"].min() < np.median(importance["wide"])
    assert all((v >= 0).all() and np.isfinite(v).all() for v in importance.values())


def test_geometric_median_finds_a_copy(shipped: Checkpoint) -> None:
    rows = shipped.state["backbone.16.weight"].flatten(1)
    middle = {name: t.clone() for name, t in shipped.state.items()}
    middle["backbone.16.weight"][3] = rows.mean(0).reshape(64, 1, 4)
    importance = CRITERIA["median"](replace(shipped, state=middle), [])
    assert np.argmin(importance["wide"]) == 3
