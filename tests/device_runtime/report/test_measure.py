from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from device_runtime.bundle.manifest import read_manifest
from device_runtime.report.measure import Measurements, peak_rss_mb, warm_up
from device_runtime.report.report import Report, WarmUp


def test_a_report_says_what_ran(finished: Report, pristine_bundle: Path) -> None:
    assert finished.report_version == 1
    assert datetime.fromisoformat(finished.created_at).utcoffset() == timedelta(0)
    assert finished.bundle.target == "tiny"
    assert finished.bundle.model_bytes == (pristine_bundle / "model.so").stat().st_size
    assert finished.board.arch == read_manifest(pristine_bundle).target.arch
    run = finished.run
    assert (run.source, run.n, run.unreadable, run.threads, run.grammar) == ("images", 2, 1, 2, True)
    assert finished.throughput == 4.0
    assert finished.golden_difference == 1e-5
    assert finished.temperature_before_c == 40.5
    assert finished.peak_rss_mb and finished.peak_rss_mb > 10


def test_a_report_says_what_was_measured(finished: Report) -> None:
    assert list(finished.stages) == ["read", "preprocess", "infer", "decode", "total"]
    assert (finished.stages["read"].p50_ms, finished.stages["total"].max_ms) == (1.0, 4.0)
    assert finished.warmup == WarmUp(n=3, first_ms=9.0, p50_ms=3.0)
    assert finished.accuracy is not None
    assert (finished.accuracy.n, finished.accuracy.correct, finished.accuracy.accuracy) == (2, 1, 0.5)
    assert finished.accuracy.accuracy_without_province == 0.5


def test_nothing_measured_is_nothing_divided() -> None:
    measured = Measurements()
    assert (measured.n, measured.throughput, measured.distributions()) == (0, 0.0, {})
    assert measured.tally.accuracy() is None


def test_stages_are_in_the_order_of_a_frame() -> None:
    measured = Measurements()
    measured.add({"total": 3.0, "infer": 2.0})
    measured.add({"total": 5.0, "infer": 2.0, "read": 2.0})
    assert {stage: d.n for stage, d in measured.distributions().items()} == {
        "read": 1,
        "infer": 2,
        "total": 2,
    }
    assert list(measured.distributions()) == ["read", "infer", "total"]


def test_no_warm_up_has_no_times() -> None:
    assert warm_up([]) == WarmUp(n=0)


def test_memory_of_this_process() -> None:
    assert 10 < (peak_rss_mb() or 0) < 100_000
