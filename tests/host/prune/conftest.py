from __future__ import annotations

import pytest

from lprnet.data.mixture import Batch, Mixture
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.weights import DEFAULT


@pytest.fixture(scope="session")
def shipped() -> Checkpoint:
    """The shipped network, unpruned."""
    return load_checkpoint(DEFAULT)


@pytest.fixture(scope="session")
def batches() -> list[Batch]:
    """Rendered samples to measure on."""
    return [Mixture(5).batch(i * 8, 8) for i in range(3)]
