from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.follow.follower import Follower
from device_runtime.follow.settings import Settings
from device_runtime.pipeline import Pipeline
from device_runtime.read.engine import Engine
from device_runtime.reader import Reader
from device_runtime.sinks.console import summary
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.source import Counts, EndOfSource
from device_runtime.sources.stills import Stills
from device_runtime.stop import Stop
from tests.device_runtime.kept import Kept
from tests.device_runtime.networks import by_hand, refine, spots


@pytest.fixture(scope="module")
def engine(pristine_bundle: Path) -> Engine:
    return Engine.open(pristine_bundle)


def test_a_run_reads_every_frame_and_measures(engine: Engine) -> None:
    kept = Kept()
    pipeline = Pipeline(Reader(engine), [kept], labelled=True)
    images = engine.golden().images
    truth = engine.read(images[0]).plate
    bad = Unreadable("bad.png", FatalError("bad.png", "is empty", "copy it again"))
    pipeline.warm_up(3)
    frames = Stills(
        "test",
        [
            Frame(source=f"{truth}.png", image=images[0], read_ms=0.5, path=Path(f"{truth}.png")),
            bad,
            Frame(source="x", image=images[1], read_ms=1.5, path=Path("x.png")),
        ],
    )
    pipeline.run(frames)
    assert [result.truth for result in kept.results] == [truth, "x"]
    assert kept.results[0].text == truth
    assert kept.missed == [bad]
    measured = pipeline.measured
    assert (measured.n, measured.unreadable, kept.closed) == (2, 1, 1)
    stages = measured.distributions()
    assert list(stages) == ["read", "preprocess", "infer", "decode", "total"]
    assert stages["read"].p50_ms == 1.0
    assert stages["total"].min_ms > stages["read"].min_ms
    assert measured.throughput > 0
    assert measured.warmup.n == 3 and (measured.warmup.p50_ms or 0) > 0
    assert (measured.tally.n, measured.tally.correct) == (2, 1)


def test_timings_of_a_result_add_up(engine: Engine) -> None:
    image = engine.golden().images[0]
    timings = Pipeline(Reader(engine)).read(Frame(source="x", image=image, read_ms=0.5)).timings_ms
    assert list(timings) == ["read", "preprocess", "infer", "decode", "total"]
    assert timings["total"] == sum(ms for stage, ms in timings.items() if stage != "total")
    assert "read" not in Pipeline(Reader(engine)).read(Frame(source="x", image=image)).timings_ms


def test_frames_with_several_plates_and_none_are_counted(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = Reader(engine, by_hand(spots, refine))
    kept = Kept()
    pipeline = Pipeline(reader, [kept], labelled=True)
    street = np.full((540, 960, 3), 60, np.uint8)
    street[300:330, 400:500] = street[100:120, 700:760] = 255
    truth = reader.read(street)[0].text
    frames = [
        Frame(source="a", image=street, path=Path(f"{truth}.png")),
        Frame(source="b", image=street // 4),
    ]
    pipeline.warm_up(2)
    pipeline.run(Stills("test", frames))
    assert [len(result.found) for result in kept.results] == [2, 0]
    measured = pipeline.measured
    assert (measured.n, measured.plates) == (2, 2)
    assert list(measured.distributions()) == ["locate", "rectify", "preprocess", "infer", "decode", "total"]
    assert measured.distributions()["infer"].min_ms == 0
    assert (measured.tally.n, measured.tally.correct) == (1, 1)
    assert summary(measured).startswith("2 plates in 2 frames, 0 unreadable")


def test_what_looks_like_a_plate_already_is_said_once(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline(Reader(engine, by_hand(spots, refine)))
    for size in ((24, 94), (30, 100), (480, 640)):
        pipeline.read(Frame(source=f"{size}", image=np.zeros((*size, 3), np.uint8)))
    assert [record.getMessage() for record in caplog.records] == [
        "(24, 94): is of 94×24 pixels and shaped like a plate – give --crop if it shows nothing else"
    ]


def test_an_error_before_the_first_plate_is_all_there_is(engine: Engine) -> None:
    def frames() -> Iterator[Frame]:
        raise FatalError("camera 0", "stopped", "check it")
        yield

    kept = Kept()
    with pytest.raises(FatalError, match="camera 0"):
        Pipeline(Reader(engine), [kept]).run(Stills("test", frames()))
    assert kept.closed == 1


class Camera:
    """A live source that gives what it is told, and None where that says so."""

    name, live, counts = "camera", True, Counts()

    def __init__(self, frames: Iterable[Frame | None]) -> None:
        self._frames = iter(frames)
        self.closed = 0

    def next(self, timeout_s: float) -> Frame | None:
        for frame in self._frames:
            return frame
        raise EndOfSource

    def close(self) -> None:
        self.closed += 1


def test_a_camera_is_followed_until_a_signal_asks_to_end(engine: Engine) -> None:
    """Events come from frames, the last ones at the end, when everything has been closed in order."""
    image = engine.golden().images[0]
    stop, order = Stop(), list[str]()

    class Ordered(Kept):
        def tell(self, passage: Passage) -> None:
            order.append(passage.event.text)

        def close(self) -> None:
            order.append("closed")

    def frames() -> Iterator[Frame | None]:
        for i in range(100):
            if i == 5:
                os.kill(os.getpid(), signal.SIGTERM)
            yield None if i % 2 else Frame(source=f"#{i}", image=image)

    kept, camera = Ordered(), Camera(frames())
    pipeline = Pipeline(Reader(engine), [kept], follower=Follower(Settings(delay="gone", sure=0.0)))
    with stop.on_signals():
        pipeline.run(camera, stop)
    assert stop.signal == signal.SIGTERM
    assert order == [engine.read(image).plate, "closed"]
    assert (len(kept.results), camera.closed) == (3, 1)
    assert list(pipeline.measured.distributions())[-3:] == ["follow", "sinks", "delay"]


def test_a_sink_that_fails_does_not_end_a_camera(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    class Full(Sink):
        def add(self, result: Result) -> None:
            raise FatalError("disk", "is full", "free some space")

    kept = Kept()
    pipeline = Pipeline(Reader(engine), [Full(), kept])
    pipeline.run(Camera([Frame(source="x", image=engine.golden().images[0])] * 3))
    assert len(kept.results) == 3 and kept.closed == 1
    assert [record.message for record in caplog.records] == ["disk: is full – free some space"]


def test_sinks_are_told_that_time_passes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ticks(Sink):
        n = 0

        def tick(self) -> None:
            self.n += 1

    ticks = Ticks()
    monkeypatch.setattr("device_runtime.pipeline.TICK_S", 0.0)
    Pipeline(Reader(engine), [ticks], follower=Follower()).run(Camera([None] * 4))
    assert ticks.n == 4
