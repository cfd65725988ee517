import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from device_runtime.errors import FatalError
from lprnet.data import pool as module
from lprnet.data.mixture import Mixture, to_input
from lprnet.data.pool import PACKAGES, ROOMS, Pool, fill, pool_key
from lprnet.plates import render

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


CHANGES = (
    ("lprnet/plates/shares.py", "rng.random()", "rng.random() ** 2"),
    ("lprnet/network/alphabet.py", "警学", "学警"),
    ("device_runtime/countries/cn.toml", "京沪", "沪京"),
    ("device_runtime/read/preprocess.py", "INTER_LINEAR_EXACT", "INTER_AREA"),
    ("lprnet/data/mixture.py", "0.3 + 0.7", "0.4 + 0.6"),
)


@pytest.mark.parametrize(("file", "old", "new"), CHANGES, ids=[file for file, _, _ in CHANGES])
def test_code_that_draws_other_samples_has_another_key(tmp_path: Path, file: str, old: str, new: str) -> None:
    """Were it not so, a run would go on with the samples of code that is no longer there."""
    for room in ROOMS:
        shutil.copytree(PACKAGES / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    assert pool_key(MIXTURE, packages=tmp_path) == pool_key(MIXTURE)
    code = (tmp_path / file).read_text()
    assert old in code
    (tmp_path / file).write_text(code.replace(old, new))
    assert pool_key(MIXTURE, packages=tmp_path) != pool_key(MIXTURE)


def test_key_knows_all_code_that_a_sample_depends_on() -> None:
    """Whatever of this project the mixture imports is in a room of the key, or has no say in a sample."""
    code = (
        "import sys, lprnet.data.mixture\n"
        "for module in list(sys.modules.values()): print(getattr(module, '__file__', None))"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    files = {Path(line) for line in lines.splitlines() if line != "None"}
    ours = {file.relative_to(PACKAGES).as_posix() for file in files if file.is_relative_to(PACKAGES)}
    used = {file for file in ours if file.startswith(("lprnet/", "device_runtime/"))}
    elsewhere = {file for file in used if str(Path(file).parent) not in ROOMS} - {"lprnet/__init__.py"}
    assert {"lprnet/plates/shares.py", "device_runtime/read/grammar.py"} <= used
    rooms_without_a_say = ("device_runtime/bundle/", "device_runtime/sources/")
    files_without_a_say = {
        f"device_runtime/{name}.py"
        for name in ("__init__", "descriptors", "errors", "files", "moment", "schema", "timing")
    }
    assert not {file for file in elsewhere if not file.startswith(rooms_without_a_say)} - files_without_a_say
