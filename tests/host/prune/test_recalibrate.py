from __future__ import annotations

from dataclasses import replace

import torch

from host.prune.recalibrate import recalibrate
from lprnet.data.mixture import Batch
from lprnet.network.checkpoint import Checkpoint


def test_recalibrated_statistics_are_the_batches(shipped: Checkpoint, batches: list[Batch]) -> None:
    spoilt = {n: t * 3 if "running" in n else t for n, t in shipped.state.items()}
    first, second = (recalibrate(replace(shipped, state=s), batches).state for s in (shipped.state, spoilt))
    for name in (n for n in first if "running" in n):
        torch.testing.assert_close(first[name], second[name])
    true = shipped.state["backbone.1.running_mean"]
    assert torch.cosine_similarity(first["backbone.1.running_mean"], true, 0) > 0.9
