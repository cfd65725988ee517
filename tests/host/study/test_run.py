from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from host.bench.measure import Pace
from host.paths import SAMPLES
from host.study import schema
from host.study.prepare import Weights
from host.study.run import StudyRequest, run
from host.targets.read import load_target
from lprnet.weights import DEFAULT


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A folder of six sample plates."""
    folder = tmp_path / "plates"
    folder.mkdir()
    for path in sorted(SAMPLES.glob("*.png"))[:6]:
        shutil.copy(path, folder)
    return folder


@pytest.mark.slow
def test_rows_are_measured_once(tmp_path: Path, plates: Path, caplog: pytest.LogCaptureFixture) -> None:
    request = StudyRequest(
        weights=(Weights("shipped", DEFAULT, {"light": DEFAULT}),),
        target=load_target("native"),
        data=(plates, SAMPLES),
        calibration=plates,
        trials=0,
        pace=Pace(rounds=2, inferences=2),
        only=("PyTorch, pruned (unstructured)", "PyTorch, quantized"),
        folder=tmp_path / "out",
    )
    first = run(request)
    schema.FORMAT.write(request.folder / schema.FILE, first)
    assert [row.name for row in first.rows] == ["PyTorch, pruned (unstructured)", "PyTorch, quantized"]
    for row in first.rows:
        assert row.error is None and row.p50_ms and row.p99_ms and row.p99_ms >= row.p50_ms
        assert row.accuracy.keys() == {"plates", SAMPLES.name} == first.datasets.keys()
    sparse, integers = first.rows
    assert sparse.bytes is not None and sparse.bytes < DEFAULT.stat().st_size
    assert "70% of the weights zero" in sparse.note
    assert integers.accuracy[SAMPLES.name] > 0.8
    with caplog.at_level(logging.INFO, logger="host.study"):
        assert run(request) == first
    assert caplog.messages[-1] == f"nothing has changed since {first.created}"
