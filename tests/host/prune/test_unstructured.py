from __future__ import annotations

from itertools import pairwise

import pytest

from host.prune.unstructured import compressed_size, prune_weights, sparsity_of
from lprnet.network.checkpoint import Checkpoint


def test_unstructured(shipped: Checkpoint) -> None:
    sizes = []
    for sparsity in (0.0, 0.5, 0.9):
        sparse = prune_weights(shipped, sparsity)
        assert sparsity_of(sparse.state) == pytest.approx(sparsity, abs=2e-3)
        sizes.append(compressed_size(sparse.state))
    assert all(small < 0.75 * large for large, small in pairwise(sizes))
