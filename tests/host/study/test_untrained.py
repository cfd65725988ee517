from __future__ import annotations

import pytest

from host.network.simplify import simplify
from host.study.untrained import prune_untrained
from lprnet.network.alphabet import PUBLIC
from tests.checkpoints import random_checkpoint


@pytest.mark.slow
def test_a_network_is_pruned_where_none_is_shipped() -> None:
    checkpoint = random_checkpoint(PUBLIC)
    small = simplify(prune_untrained(checkpoint))
    assert small.macs <= 0.7 * simplify(checkpoint).macs
