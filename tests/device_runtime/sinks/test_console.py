from __future__ import annotations

import numpy as np
import pytest

from device_runtime.follow.event import Passage
from device_runtime.report.measure import Measurements
from device_runtime.sinks.console import EventLines, Lines, Progress, as_text, summary
from tests.device_runtime.results import event, place, result, unread

FRAME = np.zeros((4, 4, 3), np.uint8)


def test_a_plate_a_line_whatever_the_file_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.add(result("京A12345", source="a\nb.png", image=FRAME))
    lines.add(result("", source="c.png", image=FRAME))
    lines.add(result(source="d.png", image=FRAME))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown] == [
        ["京A12345", "90.0%", "3.50", "ms", "a", "b.png"],
        ["–", "20.0%", "3.50", "ms", "unsure", "c.png"],
        ["–", "3.50", "ms", "d.png"],
    ]


def test_every_plate_of_a_frame_has_a_line_that_says_where_it_is() -> None:
    cut = unread("cut", FRAME, place())
    text = as_text(result("京A12345", "沪B1", image=FRAME, places=(place(), place()), others=(cut,)))
    assert [line.split() for line in text.splitlines()] == [
        ["京A12345", "90.0%", "3.50", "ms", "60×20", "px", "at", "20,30", "0#1"],
        ["沪B1", "90.0%", "60×20", "px", "at", "20,30", "0#1"],
        ["–", "cut", "60×20", "px", "at", "20,30", "0#1"],
    ]
    # In columns, though Chinese characters are twice as wide.
    assert len({line.index("60×20") for line in text.splitlines()[:2]}) == 1


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
    assert summary(Measurements(plates=3)) == "3 plates in 0 frames, 0 unreadable, 0.0 a second"


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    for total in (None, 2):
        bar = Progress(total)
        bar.add(result("A", image=FRAME))
        bar.close()
    assert capsys.readouterr().err == ""


def test_an_event_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = EventLines()
    for one in (event("京A12345"), event(""), event("京A12345", complete=True)):
        lines.tell(Passage(event=one, frame=None, crop=None))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["12:00:00", "京A12345", "90.0%", "12×", "in", "4.0", "s", "towards", "left", "0#1"],
        ["12:00:00", "–", "0.0%", "0×", "in", "4.0", "s", "towards", "left", "0#1"],
        ["12:00:00", "京A12345", "90.0%", "12×", "in", "4.0", "s", "over", "towards", "left", "0#1"],
    ]
