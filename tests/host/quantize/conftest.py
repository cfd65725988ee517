"""A network and images to quantize it with."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from host.network.graph import Network
from host.network.simplify import simplify
from host.paths import SAMPLES
from host.quantize.calibration import read_samples
from tests.checkpoints import NARROW, random_checkpoint


@pytest.fixture(scope="session")
def network() -> Network:
    return simplify(random_checkpoint(seed=1, widths=NARROW))


@pytest.fixture(scope="session")
def samples() -> NDArray[np.float32]:
    return read_samples(SAMPLES, 6)
