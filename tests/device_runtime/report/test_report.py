from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.pipeline import Session
from device_runtime.read.engine import Engine
from device_runtime.report.measure import make_report, peak_rss_mb
from device_runtime.report.report import REPORT, Report, WarmUp
from device_runtime.schema import encode
from device_runtime.sources.frame import Frame


@pytest.fixture
def finished(pristine_bundle: Path) -> Report:
    engine = Engine.open(pristine_bundle)
    session = Session(engine, labelled=True)
    warmup = session.warm_up(3)
    images = engine.golden().images
    truth = engine.read(images[0]).plate
    frames = [
        Frame(f"{truth}.png", images[0], 0.5, Path(f"{truth}.png")),
        Frame("x", images[1], 1.5, Path("x.png")),
    ]
    assert len(list(session.run(iter(frames)))) == 2
    return make_report(session, "images", 2, warmup, 40.5)


def test_a_report_says_what_ran(finished: Report, pristine_bundle: Path) -> None:
    assert finished.report_version == 1
    assert finished.bundle.target == "tiny"
    assert finished.bundle.model_bytes == (pristine_bundle / "model.so").stat().st_size
    assert (finished.run.n, finished.run.unreadable, finished.run.threads) == (2, 0, 2)
    assert list(finished.stages) == ["read", "preprocess", "infer", "decode", "total"]
    assert finished.stages["read"].p50_ms == 1.0
    assert finished.stages["total"].min_ms > finished.stages["read"].min_ms
    assert finished.warmup.n == 3 and (finished.warmup.p50_ms or 0) > 0
    assert finished.accuracy is not None
    assert (finished.accuracy.n, finished.accuracy.correct, finished.accuracy.accuracy) == (2, 1, 0.5)
    assert finished.throughput > 0
    assert finished.peak_rss_mb and finished.peak_rss_mb > 10
    assert finished.temperature_before_c == 40.5


def test_round_trip(finished: Report, tmp_path: Path) -> None:
    REPORT.write(tmp_path / "new" / "r.json", finished)
    assert REPORT.read(tmp_path / "new" / "r.json") == finished
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["r.json"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"report_version": 2}', b"\xff", b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.json").write_bytes(data)
    with pytest.raises(FatalError, match=r"r\.json: is not a report"):
        REPORT.read(tmp_path / "r.json")
    with pytest.raises(FatalError, match="cannot be read"):
        REPORT.read(tmp_path / "none.json")


def test_a_wrong_key_is_named(finished: Report) -> None:
    raw = json.loads(encode(finished))
    raw["board"]["cores"] = "four"
    with pytest.raises(FatalError, match=r"r\.json: board\.cores: .*, value 'four'"):
        REPORT.decode(json.dumps(raw).encode(), "r.json")


def records(value: Any) -> list[dict[str, Any]]:
    """*value* if it is an object with keys of a schema, and all such objects within."""
    if not isinstance(value, dict):
        return []
    inner = [record for item in value.values() for record in records(item)]
    # The keys of `stages` are names of stages.
    return inner if all(isinstance(item, dict) for item in value.values()) else [value, *inner]


def test_a_report_of_a_later_board_is_read(finished: Report) -> None:
    raw = json.loads(encode(finished))
    raw["report_minor"] = 7
    for record in records(raw):
        record["surprise"] = {"unknown": [1, 2]}
    assert raw["stages"]["total"]["surprise"] and raw["accuracy"]["surprise"] and raw["board"]["surprise"]
    read = REPORT.decode(json.dumps(raw).encode(), "r.json")
    assert read.report_minor == 7
    assert msgspec.structs.replace(read, report_minor=0) == finished


def test_a_report_of_an_earlier_board_is_read(finished: Report) -> None:
    raw = json.loads(encode(finished))
    del raw["report_minor"]
    assert REPORT.decode(json.dumps(raw).encode(), "r.json") == finished


def test_no_warm_up_has_no_times(pristine_bundle: Path) -> None:
    assert Session(Engine.open(pristine_bundle)).warm_up(0) == WarmUp(n=0)


def test_memory_of_this_process() -> None:
    assert 10 < (peak_rss_mb() or 0) < 100_000


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    write_atomic(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FatalError, match="No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_really_full_disk(tmp_path: Path) -> None:
    if not os.access("/dev/full", os.W_OK):
        pytest.skip("no /dev/full")
    with pytest.raises(FatalError, match="cannot be written"):
        write_atomic(Path("/dev/full/x"), b"new")
