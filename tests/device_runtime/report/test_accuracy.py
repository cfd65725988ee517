from __future__ import annotations

from device_runtime.report.accuracy import Accuracy, Tally


def test_plates_are_counted_with_and_without_their_province() -> None:
    tally = Tally()
    assert tally.accuracy() is None
    for plate in ("京A12345", "沪A12345", "京A12346", ""):
        tally.add(plate, "京A12345")
    assert tally.accuracy() == Accuracy(n=4, correct=1, accuracy=0.25, accuracy_without_province=0.5)
