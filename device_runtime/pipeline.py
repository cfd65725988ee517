"""The loop: for each frame of a source, find and read plates, make events, hand both to the sinks, count."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import methodcaller
from time import monotonic, perf_counter

import numpy as np

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.follow.follower import Follower, sightings_of
from device_runtime.moment import Moment
from device_runtime.reader import Examined, Reader
from device_runtime.report.measure import Measurements, warm_up
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.files import label_of
from device_runtime.sources.frame import Frame
from device_runtime.sources.image import Image
from device_runtime.sources.source import EndOfSource, Source
from device_runtime.stop import Stop
from device_runtime.timing import StageClock

log = logging.getLogger(__name__)

WAIT_S, TICK_S = 0.25, 1.0
"""A source is asked for a frame for so long at a time, and sinks are told that time passes so often."""

CROP_WIDTH = 240
"""px: an image of a plate alone is seldom wider, a photograph seldom narrower."""


class Pipeline:
    """Finds and reads the plates of each frame, makes events of them, and hands both to the sinks.

    ```
    source ─▶ reader ─▶ result ───▶ sinks: add
                 └────▶ follower ─▶ sinks: tell, an event
    ```

    Attributes:
        reader: finds and reads.
        sinks: get everything, in this order.
        follower: makes events; None where each frame stands alone.
        labelled: take the truth from the names of files.
        measured: what has been measured so far.
    """

    def __init__(
        self,
        reader: Reader,
        sinks: Sequence[Sink] = (),
        *,
        follower: Follower | None = None,
        labelled: bool = False,
        measured: Measurements | None = None,
    ) -> None:
        self.reader, self.sinks, self.follower, self.labelled = reader, sinks, follower, labelled
        self.measured = Measurements() if measured is None else measured
        self._warned = self._live = False
        self._failed: set[Sink] = set()

    def warm_up(self, n: int) -> None:
        """Infer *n* times on whatever the input holds, and find on an empty frame."""
        times, engine = [], self.reader.engine
        for _ in range(n):
            if self.reader.locator:
                self.reader.locator.propose(np.zeros((320, 320, 3), np.uint8))
            clock = StageClock()
            engine.infer(engine.input)
            clock.lap("infer")
            times.append(clock.ms["infer"])
        self.measured.warmup = warm_up(times)

    def run(self, source: Source, stop: Stop | None = None, most: int | None = None) -> None:
        """Read each frame until the source ends, *stop* asks or *most* came; then close source and sinks.

        They are closed however it ends. Sinks are called at least once a second. Where the source is
        live a sink that fails is warned of once, and the run goes on.

        Raises:
            FatalError: what *source* raises, a sink too unless the source is live, and as `Reader.read`.
        """
        stop, self._live = stop or Stop(), source.live
        started = perf_counter()
        with ExitStack() as stack:
            for sink in reversed(self.sinks):
                stack.callback(self._hand, sink, methodcaller("close"))
            try:
                with ExitStack() as sooner:
                    sooner.callback(self._tell_the_rest)
                    sooner.callback(self._let_go, source)
                    self._until_it_ends(source, stop, most)
            finally:
                self.measured.wall_s += perf_counter() - started

    def _let_go(self, source: Source) -> None:
        source.close()
        self.measured.camera = source.counts if source.live else None

    def _until_it_ends(self, source: Source, stop: Stop, most: int | None) -> None:
        ticked, seen = monotonic(), 0
        while not stop.asked and (most is None or seen < most):
            try:
                frame = source.next(WAIT_S)
            except EndOfSource:
                return
            seen += frame is not None
            if isinstance(frame, Frame):
                self._take(frame)
            elif frame is not None:
                self.measured.unreadable += 1
                log.warning("%s", frame.error)
                self._each(methodcaller("miss", frame))
            now = monotonic()
            if now - ticked >= TICK_S:
                ticked = now
                if frame is None and self.follower is not None:
                    # Time passes for plates that have gone, too.
                    self._tell(self.follower.add(Moment.now(), ()))
                self._each(methodcaller("tick"))

    def _take(self, frame: Frame) -> None:
        began = monotonic()
        result, examined = self._examine(frame)
        clock = StageClock()
        passages: list[Passage] = []
        if self.follower is not None:
            sightings = sightings_of(examined)
            passages = self.follower.add(frame.moment, sightings, frame.image, frame.source)
            clock.lap("follow")
        self._each(methodcaller("add", result))
        self._tell(passages)
        if self.follower is not None:
            clock.lap("sinks")
            since = frame.moment.monotonic if self._live else began - (frame.read_ms or 0.0) / 1e3
            self.measured.note(clock.ms | {"delay": (monotonic() - since) * 1e3})

    def _tell_the_rest(self) -> None:
        if self.follower is not None:
            self._tell(self.follower.close())

    def _tell(self, passages: Sequence[Passage]) -> None:
        for passage in passages:
            self._each(methodcaller("tell", passage))

    def _each(self, call: Callable[[Sink], None]) -> None:
        for sink in self.sinks:
            self._hand(sink, call)

    def _hand(self, sink: Sink, call: Callable[[Sink], None]) -> None:
        try:
            call(sink)
        except FatalError as error:
            if not self._live:
                raise
            # A full disk must not keep a camera from being watched.
            if sink not in self._failed:
                self._failed.add(sink)
                log.warning("%s", error)

    def read(self, frame: Frame) -> Result:
        """Find and read the plates of one frame, and count it.

        Raises:
            FatalError: as `Reader.read`.
        """
        return self._examine(frame)[0]

    def _examine(self, frame: Frame) -> tuple[Result, Examined]:
        examined = self.reader.examine(frame.image)
        located = self.reader.locator is not None
        if located and not self._warned and not examined.plates and looks_like_a_plate(frame.image):
            self._warned = True
            log.warning(
                "%s: is of %d×%d pixels and shaped like a plate – give --crop if it shows nothing else",
                *(frame.source, frame.image.shape[1], frame.image.shape[0]),
            )
        timings = dict(examined.timings_ms)
        if frame.read_ms is not None:
            timings = {"read": frame.read_ms, **timings}
        timings["total"] = sum(timings.values())
        self.measured.add(timings, len(examined.plates) if located else None)
        truth = label_of(frame.path, self.reader.engine.characters) if self.labelled and frame.path else None
        result = Result(
            frame=frame, plates=examined.plates, unread=examined.unread, truth=truth, timings_ms=timings
        )
        if truth is not None:
            self.measured.tally.add(result.text, truth)
        return result, examined


def looks_like_a_plate(image: Image) -> bool:
    """Whether *image* is so small and wide that it may well be a plate that has been cut out."""
    height, width = image.shape[:2]
    return width <= CROP_WIDTH and 1.8 * height <= width <= 7 * height
