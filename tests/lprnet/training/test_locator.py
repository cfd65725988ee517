import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.locate import in_torch, locator_of
from lprnet.locator.network import FIND, REFINE, LocatorNet
from lprnet.scenes.generator import Generator
from lprnet.scenes.scene import Batch
from lprnet.scenes.stock import Stock
from lprnet.training.locator import (
    WEIGHTS,
    Settings,
    find_task,
    new_state,
    refine_task,
    train,
    train_step,
)
from lprnet.training.running import METRICS
from lprnet.training.settings import Budget
from lprnet.training.state import STATE
from lprnet.training.views import EACH, ViewGenerator

SMALL = Settings(batch=4, workers=0, warmup=4, save_seconds=1e9)
GENERATOR = Generator(5, size=128, stock=Stock(5, 12))
TASK = find_task(GENERATOR)


def test_the_loss_falls() -> None:
    torch.set_num_threads(1)
    state, scenes = new_state(FIND, SMALL, 1), GENERATOR.raw_batch(0, 4)
    sums = []
    for _ in range(25):
        sums.append(sum(map(float, train_step(state, SMALL, TASK, scenes, 0.1).values())))
    assert sums[-1] < 0.6 * sums[0]
    assert all(torch.isfinite(t).all() for t in state.average.values())


def test_refine_learns_corners_and_what_is_a_plate() -> None:
    """The same views again and again: all parts of the loss fall, and its own parameters change only."""
    torch.set_num_threads(1)
    views = ViewGenerator((GENERATOR,), in_torch(LocatorNet().eval().find))
    task, settings = refine_task(views), replace(SMALL, batch=2 * EACH)
    state, lesson = new_state(REFINE, settings, 1), views.raw_batch(0, 2 * EACH)
    parts = [train_step(state, settings, task, lesson, 0.1) for _ in range(80)]
    for name in ("score", "corners", "heat"):
        assert parts[-1][name] < 0.8 * parts[0][name], name


def test_training_one_network_leaves_the_other_alone(tmp_path: Path) -> None:
    both = LocatorNet().state_dict()
    trained = train(tmp_path, TASK, Budget(samples=8), SMALL, 5, both)
    same = {name for name, tensor in trained.items() if torch.equal(tensor, both[name])}
    assert {name for name in both if name.startswith("refine.")} <= same
    assert "find.c1.conv.weight" not in same


def test_frozen_normalisation_keeps_its_statistics() -> None:
    state, scenes = new_state(FIND, SMALL, 1), GENERATOR.raw_batch(0, 4)
    name = "c2.norm.running_mean"
    train_step(state, SMALL, TASK, scenes, 0.1)
    before = state.model.state_dict()[name].clone()
    weight = state.model.state_dict()["c2.conv.weight"].clone()
    train_step(state, SMALL, TASK, scenes, 0.9)
    assert torch.equal(state.model.state_dict()[name], before)
    assert not torch.equal(state.model.state_dict()["c2.conv.weight"], weight)
    train_step(state, SMALL, TASK, scenes, 0.1)
    assert not torch.equal(state.model.state_dict()[name], before)


def test_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", TASK, Budget(samples=20), SMALL, 5)

    class Interrupt(Exception):
        pass

    with pytest.MonkeyPatch.context() as patch:
        original = Generator.raw_batch

        def interrupted(self: Generator, start: int, size: int) -> Batch:
            if start >= 12:
                raise Interrupt
            return original(self, start, size)

        patch.setattr(Generator, "raw_batch", interrupted)
        with pytest.raises(Interrupt):
            train(tmp_path / "halves", TASK, Budget(samples=20), replace(SMALL, save_seconds=0.0), 5)
    assert (tmp_path / "halves" / STATE).exists()
    resumed = train(tmp_path / "halves", TASK, Budget(samples=20), SMALL, 5)
    for name, tensor in whole.items():
        assert torch.equal(resumed[name], tensor), name
    assert (tmp_path / "halves" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_run_leaves_weights_and_metrics(tmp_path: Path) -> None:
    tiny = Generator(5, size=64, stock=Stock(5, 4))
    train(
        tmp_path, find_task(tiny), Budget(samples=200), replace(SMALL, batch=2), 5, metadata={"made": "here"}
    )
    (line,) = (tmp_path / METRICS).read_text().splitlines()
    values = json.loads(line)
    assert values["step"] == 100 and values["samples"] == 200 and values["score"] > 0
    locator = locator_of(load_weights(tmp_path / WEIGHTS))
    assert len(locator.locate(np.zeros((90, 90, 3), np.uint8))) <= locator.search.most


def test_a_broken_batch_leaves_the_weights_alone() -> None:
    state, scenes = new_state(FIND, SMALL, 1), GENERATOR.raw_batch(0, 4)
    before = state.model.state_dict()["head.conv.weight"].clone()
    scenes.corners[:] = np.nan
    train_step(state, SMALL, TASK, scenes, 0.1)
    assert torch.equal(state.model.state_dict()["head.conv.weight"], before)


def test_a_deadline_that_is_over_trains_nothing(tmp_path: Path) -> None:
    train(tmp_path, TASK, Budget(deadline=time.time() - 1), SMALL, 5)
    assert not (tmp_path / STATE).exists()


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    train(tmp_path, TASK, Budget(samples=4), SMALL, 5)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:1000])
    with pytest.raises(FatalError, match="damaged"):
        train(tmp_path, TASK, Budget(samples=8), SMALL, 5)
