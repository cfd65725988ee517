"""One run over a source of images, and what it measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.region import Region, crop
from device_runtime.read.engine import Engine, Reading
from device_runtime.report.accuracy import Tally
from device_runtime.report.report import WarmUp
from device_runtime.sources.files import label_of
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.timing import StageClock

STAGES = ("read", "preprocess", "infer", "decode", "total")


@dataclass(frozen=True, eq=False)
class Result:
    """A plate read from `frame`; `timings_ms` by stage, with `read` where known and `total`."""

    frame: Frame
    image: NDArray[np.uint8]
    reading: Reading
    truth: str | None
    timings_ms: dict[str, float]


@dataclass
class Session:
    """Reads plates one after another and keeps count.

    Args:
        labelled: take the truth from file names.
        region: the part of each frame to read, or None for all of it.
    """

    engine: Engine
    labelled: bool = False
    region: Region | None = None
    tally: Tally = field(default_factory=Tally)
    samples_ms: dict[str, list[float]] = field(default_factory=dict)
    unreadable: int = 0
    wall_s: float = 0.0

    def warm_up(self, n: int) -> WarmUp:
        """Infer *n* times on whatever the input holds."""
        times: list[float] = []
        for _ in range(n):
            clock = StageClock()
            self.engine.infer(self.engine.input)
            clock.lap("infer")
            times.append(clock.ms["infer"])
        if not times:
            return WarmUp(n=0)
        return WarmUp(n=n, first_ms=round(times[0], 5), p50_ms=round(float(np.median(times)), 5))

    def run(self, frames: Iterator[Frame | Unreadable]) -> Iterator[Result | Unreadable]:
        """Read each frame.

        Raises:
            FatalError: what *frames* raises, or a region that is not within a frame.
        """
        started = perf_counter()
        try:
            for frame in frames:
                if isinstance(frame, Unreadable):
                    self.unreadable += 1
                    yield frame
                else:
                    yield self._read(frame)
        finally:
            self.wall_s += perf_counter() - started

    @property
    def n(self) -> int:
        return len(self.samples_ms.get("total", ()))

    @property
    def throughput(self) -> float:
        """Plates a second of wall-clock time."""
        return self.n / self.wall_s if self.wall_s else 0.0

    def _read(self, frame: Frame) -> Result:
        image = crop(frame.image, self.region) if self.region else frame.image
        reading = self.engine.read(image)
        timings = dict(reading.timings_ms)
        if frame.read_ms is not None:
            timings = {"read": frame.read_ms, **timings}
        timings["total"] = sum(timings.values())
        for stage, ms in timings.items():
            self.samples_ms.setdefault(stage, []).append(ms)
        truth = label_of(frame.path) if self.labelled and frame.path else None
        if truth is not None:
            self.tally.add(reading.plate, truth)
        return Result(frame, image, reading, truth, timings)
