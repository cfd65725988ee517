from __future__ import annotations

import numpy as np
import pytest

from device_runtime.errors import FatalError
from host.network.simplify import simplify
from host.prune import price
from host.prune.allocate import Limit, allocate
from host.prune.channels import all_channels
from lprnet.network.alphabet import OWN
from tests.checkpoints import random_checkpoint


@pytest.mark.parametrize("multiple", [1, 16])
def test_the_least_important_channels_go(multiple: int) -> None:
    state = random_checkpoint().state
    whole = all_channels(state)
    rng = np.random.default_rng(0)
    importance = {name: rng.random(len(c)) for name, c in whole.items()}
    macs = price.macs(simplify(random_checkpoint()))
    limit = Limit(macs, 0.9 * macs.of(whole, len(OWN)))
    left = allocate(whole, importance, [limit], len(OWN), multiple)
    assert macs.of(left, len(OWN)) <= limit.amount
    for name, channels in left.items():
        for part, before in ((channels.read, whole[name].read), (channels.rest, whole[name].rest)):
            gone = sorted(set(before) - set(part))
            assert len(part) % multiple == 0 or not gone
            if part and gone:
                assert importance[name][gone].max() < importance[name][list(part)].min()


def test_budget_that_cannot_be_kept() -> None:
    whole = all_channels(random_checkpoint().state)
    importance = {name: np.ones(len(c)) for name, c in whole.items()}
    macs = price.macs(simplify(random_checkpoint()))
    with pytest.raises(FatalError, match="no network is that small in MACs"):
        allocate(whole, importance, [Limit(macs, 1000)], len(OWN), 16)
