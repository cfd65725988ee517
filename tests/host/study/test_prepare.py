from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from host.bench.data import Images
from host.bench.schema import DataSet
from host.study.prepare import Prepared, Weights, prepare, source_of
from host.study.schema import EAGER, UNTUNED, StudyRow
from host.study.variants import VariantSource
from host.targets.read import load_target
from lprnet.network.alphabet import PUBLIC
from lprnet.weights import DEFAULT


@pytest.fixture
def source(tmp_path: Path) -> VariantSource:
    weights = Weights("shipped", DEFAULT, {"light": DEFAULT})
    return source_of(weights, load_target("native"), tmp_path / "inputs-1.npy", 0, tmp_path / "networks")


def test_a_row_is_made_once(source: VariantSource, tmp_path: Path) -> None:
    (first,) = prepare(source, [f"{EAGER}, pruned (structured, light)"], tmp_path)
    assert first.row.error is None and first.model is not None
    assert first.row.bytes == DEFAULT.stat().st_size
    written = (first.model.folder / "model.pt").stat().st_mtime_ns
    (again,) = prepare(source, ["structured, light"], tmp_path)
    assert again == first and (first.model.folder / "model.pt").stat().st_mtime_ns == written


def test_a_row_that_cannot_be_made_says_why(source: VariantSource, tmp_path: Path) -> None:
    (failed,) = prepare(source, ["PyTorch, quantized"], tmp_path)
    assert failed.model is None and "inputs-1.npy" in (failed.row.error or "")
    assert not (tmp_path / failed.row.key).exists()


def test_only_what_decides_a_row_is_in_its_key(source: VariantSource, tmp_path: Path) -> None:
    def keys(changed: VariantSource) -> dict[str, str]:
        # Nothing can be made in a folder below a file: keys alone are of interest.
        blocked = tmp_path / "blocked"
        blocked.touch()
        return {item.row.name: item.row.key for item in prepare(changed, [EAGER, UNTUNED, "Meta"], blocked)}

    before = keys(source)
    other = keys(replace(source, calibration=tmp_path / "inputs-2.npy"))
    assert {name for name in before if before[name] != other[name]} == {
        "PyTorch, quantized",
        "PyTorch, pruned and quantized (light)",
    }
    searched = keys(replace(source, trials=1))
    assert {name for name in before if before[name] != searched[name]} == {
        "TVM, MetaSchedule's generic search"
    }


def test_logits_are_kept_by_data_set(tmp_path: Path) -> None:
    tensors = np.zeros((1, 3, 24, 94), np.float32)
    first = Images(tensors, ("京",), (DataSet("first", 1),))
    second = Images(np.concatenate([tensors, tensors]), ("京", "A"), (DataSet("second", 2),))
    row = StudyRow(name="row", weights="public")
    item = Prepared(row=row, alphabet=PUBLIC, folder=tmp_path)
    logits = np.zeros((3, len(PUBLIC), 18), np.float32)
    logits[:, PUBLIC.blank] = 1
    logits[:, PUBLIC.encode("京")[0], 0] = 2
    assert item.with_accuracy([first, second]).row.accuracy == {}
    item.keep_logits(logits, [first, second])
    assert item.with_accuracy([first, second]).row.accuracy == {"first": 1.0, "second": 0.5}
    assert item.with_accuracy([second]).row.accuracy == {"second": 0.5}
    assert row.accuracy == {}
