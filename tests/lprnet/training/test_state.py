import time
from pathlib import Path

import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.data.mixture import Mixture
from lprnet.network.alphabet import OWN, PUBLIC
from lprnet.training.loop import train, train_step
from lprnet.training.settings import Budget
from lprnet.training.state import STATE, new_state, started
from tests.lprnet.helpers import SMALL, run_of


def test_average_follows_the_weights() -> None:
    state = new_state(SMALL, len(OWN), 1, None)
    start = state.average["backbone.0.weight"].clone()
    for i in range(3):
        train_step(state, SMALL, Mixture(1).batch(8 * i, 8), OWN, 2e-3)
    now, average = state.model.state_dict()["backbone.0.weight"], state.average["backbone.0.weight"]
    assert 0 < (average - start).norm() < (now - start).norm()
    assert int(state.average["backbone.1.num_batches_tracked"]) == 3


def test_damaged_state(tmp_path: Path) -> None:
    train(run_of(tmp_path, Budget(samples=8), alphabet=OWN))
    data = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(data[: len(data) // 2])
    with pytest.raises(FatalError, match=r"state\.pt: damaged"):
        train(run_of(tmp_path, Budget(samples=16), alphabet=OWN))


def test_state_of_another_alphabet(tmp_path: Path) -> None:
    train(run_of(tmp_path, Budget(samples=8), alphabet=OWN))
    with pytest.raises(FatalError, match="another alphabet"):
        train(run_of(tmp_path, Budget(samples=16), alphabet=PUBLIC))


def test_a_run_began_when_its_state_says(tmp_path: Path) -> None:
    before = time.time()
    assert before <= started(tmp_path) <= time.time()
    train(run_of(tmp_path, Budget(samples=8)))
    assert before <= started(tmp_path) <= time.time()
    assert started(tmp_path) == torch.load(tmp_path / STATE, weights_only=True)["started"]
    (tmp_path / STATE).write_bytes(b"damaged")
    assert started(tmp_path) >= before
