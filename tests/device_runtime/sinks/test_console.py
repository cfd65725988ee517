from __future__ import annotations

import numpy as np
import pytest

from device_runtime.report.measure import Measurements
from device_runtime.sinks.console import Lines, Progress, as_text, summary
from tests.device_runtime.results import result

FRAME = np.zeros((4, 4, 3), np.uint8)


def test_a_plate_a_line_whatever_the_file_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.add(result("京A12345", "a\nb.png", image=FRAME))
    lines.add(result("", "c.png", image=FRAME))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown] == [
        ["京A12345", "90.0%", "3.50", "ms", "a", "b.png"],
        ["–", "90.0%", "3.50", "ms", "c.png"],
    ]


def test_labels_tell_right_from_wrong() -> None:
    assert " ok " in as_text(result("京A12345", image=FRAME, truth="京A12345"))
    assert "≠ 京A12346" in as_text(result("京A12345", image=FRAME, truth="京A12346"))


def test_a_summary_counts_and_times() -> None:
    measured = Measurements(unreadable=1, wall_s=0.5)
    measured.add({"infer": 2.0, "total": 3.0})
    assert summary(measured).splitlines() == [
        "1 read, 1 unreadable, 2.0 a second",
        "ms               p50      p90      p99",
        "infer          2.000    2.000    2.000",
        "total          3.000    3.000    3.000",
    ]
    measured.tally.add("京A12345", "沪A12345")
    assert summary(measured).splitlines()[1] == "accuracy 0/1 = 0.000, without province 1/1 = 1.000"
    assert summary(Measurements()) == "0 read, 0 unreadable, 0.0 a second"


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    for total in (None, 2):
        bar = Progress(total)
        bar.add(result("A", image=FRAME))
        bar.close()
    assert capsys.readouterr().err == ""
