from __future__ import annotations

import logging
import threading

import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.sinks.later import MOST_WAITING, Later
from device_runtime.sinks.sink import Sink
from tests.device_runtime.results import event


class Slow(Sink):
    """Waits until it may go on, and fails where it is told to."""

    def __init__(self, failing: tuple[int, ...] = ()) -> None:
        self.go, self.failing = threading.Event(), failing
        self.told: list[str] = []
        self.closed = False

    def tell(self, passage: Passage) -> None:
        self.go.wait(30)
        self.told.append(passage.event.text)
        if len(self.told) in self.failing:
            raise FatalError("disk", "is full", "free some space")

    def close(self) -> None:
        self.closed = True


def passage(text: str) -> Passage:
    return Passage(event=event(text), frame=None, crop=None)


def test_events_wait_for_a_slow_sink_and_nobody_waits_for_it() -> None:
    slow = Slow()
    later = Later(slow, "--slow")
    for number in range(MOST_WAITING + 5):
        later.tell(passage(f"京A{number}"))
    assert later.left_out >= 4
    slow.go.set()
    later.close()
    assert slow.closed and len(slow.told) == MOST_WAITING + 5 - later.left_out


def test_an_error_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow(failing=(1, 2, 4))
    slow.go.set()
    later = Later(slow, "--slow")
    with caplog.at_level(logging.INFO, "device_runtime"):
        for number in range(4):
            later.tell(passage(f"京A{number}"))
        later.close()
    assert [record.message for record in caplog.records] == [
        "disk: is full – free some space",
        "--slow: works again; events that are missing: 2",
        "disk: is full – free some space",
        "--slow: events that are missing: 1",
    ]
    assert len(slow.told) == 4


def test_a_sink_that_hangs_is_not_waited_for() -> None:
    slow = Slow()
    later = Later(slow, "--slow", lambda: 0.05)
    later.tell(passage("京A1"))
    later.close()
    assert not slow.closed
    slow.go.set()
