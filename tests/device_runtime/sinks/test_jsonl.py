from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from device_runtime.follow.event import Event, Passage
from device_runtime.sinks.jsonl import JsonEvents, JsonLines, as_objects
from tests.device_runtime.results import event, place, result, unread

FRAME = np.zeros((4, 4, 3), np.uint8)


def test_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonLines()
    sink.add(result("京A", source="a\nb.png", image=FRAME))
    sink.add(result("京A", source="b.png", image=FRAME, truth="京B"))
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {
        "source": "a\nb.png",
        "plate": "京A",
        "unread": None,
        "confidence": 0.9,
        "characters": [{"character": "京", "confidence": 0.9}, {"character": "A", "confidence": 0.9}],
        "corners": None,
        "rows": None,
        "locator": None,
        "timings_ms": {"read": 1.0, "infer": 2.5, "total": 3.5},
    }
    assert second == first | {"source": "b.png", "truth": "京B", "correct": False}


def test_a_line_for_each_plate_of_a_frame() -> None:
    at = place(rows=2)
    found = as_objects(
        result(
            *("京A", "京B"),
            image=FRAME,
            truth="京B",
            places=(at, place()),
            others=(unread("unsure", FRAME, place()), unread("cut", FRAME, place())),
        )
    )
    assert [one["plate"] for one in found] == ["京A", "京B", None, None]
    assert [one["unread"] for one in found] == [None, None, "unsure", "cut"]
    assert [one["confidence"] for one in found] == [0.9, 0.9, 0.2, None]
    assert [one["correct"] for one in found] == [False, True, False, False]
    assert [one["rows"] for one in found] == [2, 1, 1, 1]
    assert found[0]["corners"] == [[20, 30], [80, 32], [79, 50], [21, 48]]
    assert found[0]["locator"] == 0.95 and found[2]["characters"] == []
    assert len({tuple(one) for one in found}) == 1


def test_a_frame_without_plates_is_a_line_too() -> None:
    (line,) = as_objects(result(image=FRAME))
    assert line == {
        "source": "0#1",
        "plate": None,
        "unread": None,
        "confidence": None,
        "characters": [],
        "corners": None,
        "rows": None,
        "locator": None,
        "timings_ms": {"read": 1.0, "infer": 2.5, "total": 3.5},
    }


def test_an_event_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    JsonEvents().tell(Passage(event=event("京A12345"), frame=None, crop=None))
    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line, type=Event) == event("京A12345")
