from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.data import pool as module
from lprnet.data.mixture import Batch, Mixture, to_input
from lprnet.data.pool import Pool, fill
from lprnet.network.alphabet import OWN
from lprnet.plates import render
from lprnet.training.train import POOL, STATE, Budget, Settings, train
from tests.checkpoints import NARROW, random_checkpoint

MIXTURE = Mixture(5)


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 8)
    monkeypatch.setattr(module, "BATCH", 4)


def _pool(folder: Path, count: int = 16) -> Pool:
    return fill(folder, MIXTURE, count, 0)


def test_holds_the_samples_of_the_mixture(tmp_path: Path) -> None:
    pool = _pool(tmp_path, 13)
    images, texts = MIXTURE.raw_batch(0, 16)
    assert np.array_equal(pool.images, images) and pool.texts == texts and pool.taught is None


def test_every_round_has_each_sample_once_in_another_order(tmp_path: Path) -> None:
    pool = _pool(tmp_path)
    batches = list(islice(pool.batches(0, 8), 4))
    rounds = [batches[0].texts + batches[1].texts, batches[2].texts + batches[3].texts]
    assert sorted(rounds[0]) == sorted(rounds[1]) == sorted(pool.texts)
    assert rounds[0] != rounds[1]
    place = pool.texts.index(batches[3].texts[2])
    assert np.array_equal(batches[3].images[2], to_input(pool.images[place : place + 1])[0])


def test_goes_on_in_the_middle(tmp_path: Path) -> None:
    pool = _pool(tmp_path)
    whole = list(islice(pool.batches(0, 6), 8))
    rest = list(islice(pool.batches(30, 6), 3))
    assert [b.texts for b in rest] == [b.texts for b in whole[5:]]


def test_keeps_the_teachers_answers(tmp_path: Path) -> None:
    def teach(images: np.ndarray) -> np.ndarray:
        return images.mean((1, 2), keepdims=False)[:, None, :18].astype(np.float16)

    pool = fill(tmp_path, MIXTURE, 8, 0, teach, "a teacher")
    assert pool.taught is not None
    batch = next(pool.batches(0, 8))
    assert batch.taught is not None and np.array_equal(batch.taught, teach(batch.images))


def test_files_are_made_once_and_for_what_they_hold(tmp_path: Path) -> None:
    _pool(tmp_path, 8)
    (first,) = tmp_path.iterdir()
    made = first.stat().st_mtime_ns
    _pool(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 and first.stat().st_mtime_ns == made
    real = ((render(8, 0, 0.2, "blue").image, "皖A00000"),)
    for other in (replace(MIXTURE, seed=6), replace(MIXTURE, real=real, real_fraction=0.5)):
        fill(tmp_path, other, 8, 0)
    fill(tmp_path, MIXTURE, 8, 0, lambda images: np.zeros((len(images), 2, 18), np.float16), "a teacher")
    assert len(list(tmp_path.iterdir())) == 5


def test_damaged_file(tmp_path: Path) -> None:
    _pool(tmp_path, 8)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FatalError, match="damaged"):
        _pool(tmp_path, 8)


def test_training_from_a_pool_draws_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rounds through a pool; a run that stopped in the second one goes on from there."""
    settings = Settings(batch=8, workers=0, warmup=4, pool=16)
    teacher, start = random_checkpoint(), random_checkpoint(seed=1, widths=NARROW)

    def run(folder: str, samples: int) -> dict[str, torch.Tensor]:
        budget = Budget(samples=samples)
        return dict(
            train(tmp_path / folder, OWN, MIXTURE, budget, settings, start.state, teacher=teacher).state
        )

    whole = run("a", 48)
    assert len(list((tmp_path / "a" / POOL).iterdir())) == 2
    batches_of = Pool.batches

    def three_batches(self: Pool, start: int, size: int) -> Iterator[Batch]:
        yield from islice(batches_of(self, start, size), 3)
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
