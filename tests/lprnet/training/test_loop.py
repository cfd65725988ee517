import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy
from lprnet.data import pool as module
from lprnet.data.mixture import Batch, Mixture
from lprnet.data.pool import Pool
from lprnet.network.alphabet import OWN, PUBLIC
from lprnet.network.checkpoint import load_checkpoint
from lprnet.training.forward import forward
from lprnet.training.loop import POOL, train, train_step
from lprnet.training.losses import distillation_loss
from lprnet.training.settings import Budget, Settings
from lprnet.training.state import STATE, WEIGHTS, new_state
from tests.checkpoints import NARROW, random_checkpoint
from tests.lprnet.helpers import SMALL, real_crops, run_of


def test_loss_falls() -> None:
    torch.set_num_threads(1)
    state = new_state(SMALL, len(OWN), 1, None)
    batch = Mixture(1).batch(0, 8)
    losses = [float(train_step(state, SMALL, batch, OWN, 2e-3)[0]) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.isfinite(t).all() for t in state.average.values())


def test_distillation_draws_towards_the_teacher() -> None:
    teacher, batch = random_checkpoint(), Mixture(1).batch(0, 8)
    settings = replace(SMALL, distillation=20.0)
    taught = teacher.model()(torch.from_numpy(batch.images)).detach()
    batch = replace(
        batch, texts=tuple(greedy(each.numpy(), OWN.characters, OWN.blank).text for each in taught)
    )
    state = new_state(settings, len(OWN), 1, random_checkpoint(seed=1, widths=NARROW).state)
    divergences = []
    for _ in range(8):
        logits = forward(state.model, torch.from_numpy(batch.images))
        divergences.append(float(distillation_loss(logits.detach(), taught)))
        train_step(state, settings, batch, OWN, 3e-3, teacher.model())
    assert divergences[-1] < 0.8 * divergences[0]
    assert float(distillation_loss(taught, taught)) == pytest.approx(0, abs=1e-4)


def test_teacher_of_another_alphabet(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="another alphabet"):
        train(run_of(tmp_path, Budget(samples=8), teacher=random_checkpoint(PUBLIC)))


def test_broken_batch_leaves_the_weights_alone() -> None:
    state = new_state(SMALL, len(OWN), 1, None)
    before = state.model.state_dict()["container.0.weight"].clone()
    batch = Mixture(1).batch(0, 8)
    batch.images[:] = np.nan
    train_step(state, SMALL, batch, OWN, 2e-3)
    assert torch.equal(state.model.state_dict()["container.0.weight"], before)


def test_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    mixture = Mixture(3, real=real_crops(), real_fraction=0.3, ramp=20)
    whole = train(run_of(tmp_path / "whole", Budget(samples=32), mixture=mixture))
    parts = run_of(tmp_path / "parts", Budget(samples=32), mixture=mixture)

    class Interrupt(Exception):
        pass

    def raise_at(batch: int) -> None:
        calls = 0
        original = Mixture.raw_batch

        def counted(self: Mixture, start: int, size: int) -> object:
            nonlocal calls
            calls += 1
            if calls > batch:
                raise Interrupt
            return original(self, start, size)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Mixture, "raw_batch", counted)
            with pytest.raises(Interrupt):
                train(replace(parts, settings=replace(SMALL, save_seconds=0.0)))

    raise_at(2)
    resumed = train(parts)
    for name, tensor in whole.state.items():
        assert torch.equal(tensor, resumed.state[name]), name
    saved = [torch.load(tmp_path / run / STATE, weights_only=True) for run in ("whole", "parts")]
    assert saved[0]["samples"] == saved[1]["samples"] == 32
    assert load_checkpoint(tmp_path / "parts" / WEIGHTS).metadata["samples"] == "32"


def test_finished_run_does_no_more_steps(tmp_path: Path) -> None:
    train(run_of(tmp_path, Budget(samples=8), alphabet=OWN))
    train(run_of(tmp_path, Budget(samples=8), alphabet=OWN))
    assert torch.load(tmp_path / STATE, weights_only=True)["samples"] == 8


def test_deadline_ends_a_run(tmp_path: Path) -> None:
    train(run_of(tmp_path, Budget(deadline=time.time() - 1), alphabet=OWN))
    assert not (tmp_path / STATE).exists()


def test_training_from_a_pool_draws_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rounds through a pool; a run that stopped in the second one goes on from there."""
    monkeypatch.setattr(module, "CHUNK", 8)
    monkeypatch.setattr(module, "BATCH", 4)
    settings = Settings(batch=8, workers=0, warmup=4, pool=16)
    teacher, start = random_checkpoint(), random_checkpoint(seed=1, widths=NARROW)

    def run(folder: str, samples: int) -> dict[str, torch.Tensor]:
        return train(
            run_of(
                tmp_path / folder,
                Budget(samples=samples),
                mixture=Mixture(5),
                settings=settings,
                initial=start.state,
                teacher=teacher,
            )
        ).state

    whole = run("a", 48)
    assert len(list((tmp_path / "a" / POOL).iterdir())) == 2
    batches_of = Pool.batches

    def three_batches(self: Pool, start: int, size: int, stride: int | None) -> Iterator[Batch]:
        yield from islice(batches_of(self, start, size, stride), 3)
        raise KeyboardInterrupt

    settings = replace(settings, save_seconds=0.0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Pool, "batches", three_batches)
        run("b", 48)
    assert torch.load(tmp_path / "b" / STATE, weights_only=True)["samples"] == 24
    monkeypatch.setattr(Mixture, "sample", lambda self, index: pytest.fail("drawn again"))
    parts = run("b", 48)
    assert torch.load(tmp_path / "b" / STATE, weights_only=True)["samples"] == 48
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
