from __future__ import annotations

import numpy as np

from device_runtime.errors import FatalError
from device_runtime.sinks.sink import OnlyChanges, Result, Sink
from device_runtime.sources.frame import Unreadable
from tests.device_runtime.results import result

FRAME = np.zeros((4, 4, 3), np.uint8)


class Kept(Sink):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.plates: list[str] = []
        self.missed: list[str] = []
        self.closed = 0

    def add(self, result: Result) -> None:
        self.plates.append(" ".join(plate.text for plate in result.plates))

    def miss(self, unreadable: Unreadable) -> None:
        self.missed.append(unreadable.source)

    def close(self) -> None:
        self.closed += 1


def test_only_changes_are_handed_on_and_every_miss() -> None:
    kept = Kept()
    changes = OnlyChanges(kept)
    for plates in ("A", "A", "B", "B", "", "", "A", "A B", "B A", "B"):
        changes.add(result(*plates.split(), image=FRAME))
        changes.miss(Unreadable("x", FatalError("x", "is odd", "look")))
    assert kept.plates == ["A", "B", "", "A", "A B", "B"]
    assert kept.missed == ["x"] * 10
    changes.close()
    assert kept.closed == 1


def test_a_sink_does_nothing_by_itself() -> None:
    sink = Sink()
    sink.add(result("A", image=FRAME))
    sink.miss(Unreadable("x", FatalError("x", "is odd", "look")))
    sink.close()


def test_the_text_of_a_frame_is_the_labelled_plates_or_the_surest() -> None:
    assert result("A", "B", image=FRAME).text == "A"
    assert result("A", "B", image=FRAME, truth="B").text == "B"
    assert result("A", "B", image=FRAME, truth="C").text == "A"
    assert result("", image=FRAME, truth="").text == result(image=FRAME).text == ""
