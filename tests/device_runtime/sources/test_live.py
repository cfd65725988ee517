"""The thread that keeps the newest frame, on a camera that is told when to send; it comes and goes."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources import live
from device_runtime.sources.frame import Frame
from device_runtime.sources.live import Captured, Live, Lost
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import EndOfSource, Source
from tests.device_runtime.sources.cameras import HttpCamera, number_of, numbered, until


def opened(camera: HttpCamera, settings: SourceSettings | None = None) -> Source:
    """The source, with picture 1 there."""
    made: list[Source] = []

    def open_it() -> None:
        made.append(open_source(camera.url, settings))

    opening = threading.Thread(target=open_it)
    opening.start()
    until(lambda: camera.viewers)
    camera.send()
    opening.join()
    return made[0]


def arrived(source: Source) -> int:
    assert isinstance(source, Live)
    with source._changed:
        return source._arrived


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("frames of")]


def test_a_slow_reader_gets_the_newest_frame_and_the_others_are_counted() -> None:
    with HttpCamera() as camera:
        source = opened(camera)
        assert source.next(10) is not None
        for burst in range(3):
            before = time.monotonic()
            for _ in range(6):
                camera.send()
            until(lambda: arrived(source) == camera.number)
            frame = source.next(0)
            assert isinstance(frame, Frame)
            assert number_of(frame.image) == camera.number
            assert frame.source == f"{camera.url}#{camera.number}"
            assert before < frame.moment.monotonic <= time.monotonic()
            assert source.counts.dropped == 5 * (burst + 1)
        assert source.next(0) is None
        assert (source.counts.frames, source.counts.losses) == (4, 0)
        assert source.live
        source.close()
        source.close()
        # To be closed is no loss.
        assert threads() == [] and source.counts.losses == 0


def test_what_was_lost_is_opened_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with HttpCamera() as camera:
        source = opened(camera)
        assert source.next(10) is not None
        for outage in (1, 2):
            caplog.clear()
            camera.stop()
            until(lambda: source.counts.losses == outage)  # noqa: B023
            # More than one try fails.
            until(lambda: len(caplog.records) == 2)
            assert source.next(0) is None
            camera.start()
            until(lambda: camera.viewers)
            number = camera.send()
            until(lambda: source.counts.reconnects == outage)  # noqa: B023
            frame = source.next(10)
            assert isinstance(frame, Frame) and number_of(frame.image) == number
            said = [record.getMessage() for record in caplog.records]
            assert said[0].startswith(f"camera {camera.url}: lost, ")
            assert "still away, does not open (Connection refused)" in said[1]
            assert said[2].startswith(f"camera {camera.url}: back after ") and len(said) == 3
        assert source.counts.lost_s > 0
        assert source.counts.damaged == source.counts.dropped == 0
        source.close()


def test_a_silent_camera_is_lost_after_the_time_out() -> None:
    with HttpCamera() as camera:
        source = opened(camera, SourceSettings(timeout=0.5))
        assert source.next(10) is not None
        # It sends no more, then nobody answers at all: the plug of the switch.
        until(lambda: source.counts.losses)
        camera.silent = True
        camera.hang_up()
        until(lambda: camera.viewers > 1)
        camera.silent = False
        camera.hang_up()
        until(lambda: camera.viewers)
        until(lambda: camera.send() and source.counts.reconnects)
        assert source.counts.losses == 1
        source.close()


def test_damaged_frames_are_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    bad = b"\xff\xd8\xff\xe0\0\x04zz\xff\xd9"
    with HttpCamera() as camera:
        source = opened(camera)
        assert source.next(10) is not None
        for count in (1, 2):
            camera.send(bad)
            until(lambda: arrived(source) == camera.number)
            assert source.next(0) is None
            assert source.counts.damaged == count
        camera.send()
        frame = source.next(10)
        assert isinstance(frame, Frame) and number_of(frame.image) == camera.number
        assert [r.getMessage() for r in caplog.records if "damaged" in r.getMessage()] == [
            f"camera {camera.url}: sends damaged frames; they are counted and left out"
        ]
        source.close()


class Counting:
    """A capture that has a frame whenever it is asked, until it is over; and may hang instead."""

    def __init__(self, frames: int, fps: float = 100.0, error: Exception | None = None) -> None:
        self.left, self.number, self._fps, self._error = frames, 0, fps, error
        self.release = threading.Event()
        self.closed = 0

    def read(self, timeout_s: float) -> Captured | None:
        if self.number == self.left:
            if self._error:
                raise self._error
            self.release.wait()
            return None
        self.number += 1
        now, number = Moment.now(), self.number
        return Captured(
            Moment(self.number / self._fps, now.clock, now.synchronized), lambda: numbered(number)
        )

    def interrupt(self) -> None:
        self.release.set()

    def close(self) -> None:
        self.closed += 1


def read_all(source: Source) -> list[int]:
    numbers = []
    with pytest.raises(EndOfSource):
        while True:
            frame = source.next(10)
            if isinstance(frame, Frame):
                numbers.append(number_of(frame.image))
    return numbers


def test_who_waits_for_the_reader_loses_nothing() -> None:
    capture = Counting(40, error=EndOfSource())
    source = Live("-", lambda: capture, timeout_s=1, live=False)
    assert read_all(source) == list(range(1, 41))
    assert (source.counts.frames, source.counts.dropped) == (40, 0)
    source.close()
    assert capture.closed == 1


def test_no_more_frames_a_second_are_taken_than_asked_for() -> None:
    source = Live("-", lambda: Counting(100, fps=25, error=EndOfSource()), timeout_s=1, fps=10, live=False)
    taken = read_all(source)
    assert len(taken) == pytest.approx(40, abs=2)
    assert source.counts.dropped == 0


def test_the_last_frame_of_a_pipe_is_not_lost() -> None:
    source = Live("-", lambda: Counting(3, error=EndOfSource()), timeout_s=1)
    assert read_all(source)[-1] == 3
    with pytest.raises(EndOfSource):
        source.next(0)


def test_a_driver_that_hangs_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_HANGS_S", 0.2)
    capture = Counting(1)
    source = Live("0", lambda: capture, timeout_s=0.1)
    assert source.next(10) is not None
    with pytest.raises(FatalError, match="camera 0: hangs"):
        while True:
            source.next(0.1)
    source.close()
    assert threads() == [] and capture.closed == 1


def test_a_camera_without_a_frame_does_not_open() -> None:
    for error, said in ((Lost("it is dark"), "it is dark"), (EndOfSource(), "ends without a frame")):
        capture = Counting(0, error=error)
        with pytest.raises(FatalError, match=said):
            Live("0", lambda capture=capture: capture, timeout_s=1)  # type: ignore[misc]
        until(lambda capture=capture: capture.closed)  # type: ignore[misc]
    until(lambda: not threads())


def test_a_hundred_losses_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAUSES", (0.0,))
    made: list[Counting] = []

    def connect() -> Counting:
        made.append(Counting(1, error=Lost("flaky")))
        return made[-1]

    source = Live("0", connect, timeout_s=5)
    until(lambda: source.counts.reconnects >= 100)
    assert len(threads()) == 1
    source.close()
    assert threads() == [] and all(capture.closed == 1 for capture in made)
