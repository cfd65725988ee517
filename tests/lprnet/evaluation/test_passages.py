from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.follower import Follower
from device_runtime.follow.settings import Settings
from device_runtime.reader import Examined, Examiner
from lprnet.evaluation.passages import Label, Outcome, Video, read_videos, summary_of, watch
from tests.device_runtime.results import event, plate


def video(*texts: str) -> Video:
    return Video(file="a.avi", plates=tuple(Label(text) for text in texts))


def test_events_and_readings_are_compared_with_the_plates() -> None:
    outcomes = [
        Outcome(
            video=video("京A-1", "京B2"), events=(event("京A1"), event("京B3")), readings=("京A1", "京B3")
        ),
        Outcome(video=video("京C3"), events=(event(""), event("")), readings=("京C3",)),
    ]
    assert [one.counted for one in outcomes] == [True, False] and [one.told for one in outcomes] == [1, 0]
    found = summary_of(outcomes)
    assert (found.videos, found.counted, found.plates, found.told) == (2, 1, 3, 1)
    assert (found.events, found.unread_events, found.wrong_events) == (4, 2, 1)
    assert (found.readings, found.wrong_readings) == (3, 1)


def test_a_video_is_watched_to_its_end(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()

    class Fixed(Examiner):
        def __init__(self) -> None:
            pass

        def examine(self, frame: np.ndarray) -> Examined:
            return Examined(plates=(plate("京A1", frame),), unread=(), timings_ms={})

    outcome = watch(video("京A1"), tmp_path, Fixed(), Follower(Settings(closing=True)))
    assert outcome.counted and outcome.told == 1 and outcome.readings == ("京A1",) * 5
    assert replace(outcome, events=()).told == 0


def test_labels_are_read_or_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot be read"):
        read_videos(tmp_path)
    (tmp_path / "labels.jsonl").write_bytes(
        msgspec.json.encode({"file": "a.avi", "plates": [{"text": "A", "x": 1}]})
    )
    assert read_videos(tmp_path) == [video("A")]
    (tmp_path / "labels.jsonl").write_text('{"file": 3}')
    with pytest.raises(FatalError, match="is no labels of videos"):
        read_videos(tmp_path)
