import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.locate import Locator, in_torch
from lprnet.locator.network import Look
from lprnet.scenes.generator import Generator, Lesson
from lprnet.scenes.scene import Batch
from lprnet.scenes.stock import Stock
from lprnet.training.locator import (
    WEIGHTS,
    Settings,
    look_loss,
    new_state,
    train,
    train_step,
)
from lprnet.training.running import METRICS
from lprnet.training.settings import Budget
from lprnet.training.state import STATE

SMALL = Settings(batch=4, workers=0, warmup=4, save_seconds=1e9)
GENERATOR = Generator(5, size=128, stock=Stock(5, 12))


def test_the_loss_falls_in_both_looks() -> None:
    torch.set_num_threads(1)
    state, lesson = new_state(SMALL, 1), GENERATOR.raw_batch(0, 4)
    sums: list[tuple[float, float]] = []
    for _ in range(25):
        parts = train_step(state, SMALL, lesson, 0.1)
        views = sum(float(v) for name, v in parts.items() if name.startswith("view"))
        sums.append((sum(map(float, parts.values())) - views, views))
    assert sums[-1][0] < 0.6 * sums[0][0] and sums[-1][1] < 0.6 * sums[0][1]
    assert all(torch.isfinite(t).all() for t in state.average.values())


def test_frozen_normalisation_keeps_its_statistics() -> None:
    state, lesson = new_state(SMALL, 1), GENERATOR.raw_batch(0, 4)
    name = "layers.c2.norm.running_mean"
    train_step(state, SMALL, lesson, 0.1)
    before = state.model.state_dict()[name].clone()
    weight = state.model.state_dict()["layers.c2.conv.weight"].clone()
    train_step(state, SMALL, lesson, 0.9)
    assert torch.equal(state.model.state_dict()[name], before)
    assert not torch.equal(state.model.state_dict()["layers.c2.conv.weight"], weight)
    train_step(state, SMALL, lesson, 0.1)
    assert not torch.equal(state.model.state_dict()[name], before)


def test_a_look_trains_its_own_head_and_the_trunk() -> None:
    lesson = GENERATOR.raw_batch(0, 4)
    cases: list[tuple[Look, Batch, Look]] = [("find", lesson.scenes, "look"), ("look", lesson.views, "find")]
    for look, batch, other in cases:
        model = new_state(SMALL, 1).model
        torch.stack(list(look_loss(model, batch, look, SMALL).values())).sum().backward()
        gradients = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        assert f"layers.{look}.conv.weight" in gradients and f"layers.{other}.conv.weight" not in gradients
        assert "layers.c1.conv.weight" in gradients and "layers.b6.conv.weight" in gradients


def test_a_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", GENERATOR, Budget(samples=20), SMALL)

    class Interrupt(Exception):
        pass

    with pytest.MonkeyPatch.context() as patch:
        original = Generator.raw_batch

        def interrupted(self: Generator, start: int, size: int) -> Lesson:
            if start >= 12:
                raise Interrupt
            return original(self, start, size)

        patch.setattr(Generator, "raw_batch", interrupted)
        with pytest.raises(Interrupt):
            train(tmp_path / "halves", GENERATOR, Budget(samples=20), replace(SMALL, save_seconds=0.0))
    assert (tmp_path / "halves" / STATE).exists()
    resumed = train(tmp_path / "halves", GENERATOR, Budget(samples=20), SMALL)
    for name, tensor in whole.items():
        assert torch.equal(resumed[name], tensor), name
    assert (tmp_path / "halves" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_run_leaves_weights_and_metrics(tmp_path: Path) -> None:
    tiny = Generator(5, size=64, stock=Stock(5, 4))
    train(tmp_path, tiny, Budget(samples=200), replace(SMALL, batch=2), metadata={"made": "here"})
    (line,) = (tmp_path / METRICS).read_text().splitlines()
    values = json.loads(line)
    assert values["step"] == 100 and values["samples"] == 200 and values["score"] > 0
    assert (
        len(Locator(in_torch(load_weights(tmp_path / WEIGHTS))).locate(np.zeros((90, 90, 3), np.uint8))) <= 3
    )


def test_a_broken_batch_leaves_the_weights_alone() -> None:
    state, lesson = new_state(SMALL, 1), GENERATOR.raw_batch(0, 4)
    before = state.model.state_dict()["layers.find.conv.weight"].clone()
    lesson.scenes.corners[:] = np.nan
    train_step(state, SMALL, lesson, 0.1)
    assert torch.equal(state.model.state_dict()["layers.find.conv.weight"], before)


def test_a_deadline_that_is_over_trains_nothing(tmp_path: Path) -> None:
    train(tmp_path, GENERATOR, Budget(deadline=time.time() - 1), SMALL)
    assert not (tmp_path / STATE).exists()


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    train(tmp_path, GENERATOR, Budget(samples=4), SMALL)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:1000])
    with pytest.raises(FatalError, match="damaged"):
        train(tmp_path, GENERATOR, Budget(samples=8), SMALL)
