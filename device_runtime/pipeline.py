"""A run of `lpr-run`: for each frame of a source, find and read plates, hand them to the sinks, and count."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path
from time import monotonic, perf_counter
from types import FrameType
from typing import Literal

import click
import numpy as np

from device_runtime.board import describe as board
from device_runtime.bundle.find import default_bundle
from device_runtime.bundle.signature import read_keys
from device_runtime.console import FAILED, INTERRUPTED
from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.follow.follower import Follower, sightings_of
from device_runtime.locate.module import open_locator
from device_runtime.locate.region import Region
from device_runtime.moment import Moment
from device_runtime.read.engine import Engine
from device_runtime.reader import Examined, Reader
from device_runtime.report.measure import Measurements, make_report, warm_up
from device_runtime.report.report import REPORT
from device_runtime.sinks.console import Lines, Progress, checked, summary
from device_runtime.sinks.glyphs import of_bundle
from device_runtime.sinks.jsonl import JsonLines
from device_runtime.sinks.pictures import Album
from device_runtime.sinks.sink import OnlyChanges, Result, Sink
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.frame import Frame
from device_runtime.sources.image import Image
from device_runtime.sources.open import open_source
from device_runtime.sources.source import EndOfSource, Source
from device_runtime.sources.stills import Stills
from device_runtime.timing import StageClock

log = logging.getLogger(__name__)

WAIT_S, TICK_S = 0.25, 1.0
"""A source is asked for a frame for so long at a time, and sinks are told that time passes so often."""

CROP_WIDTH = 240
"""px: an image of a plate alone is seldom wider, a photograph seldom narrower."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user asks of `lpr-run`, one field for each of its options.

    Attributes:
        bundle: its folder; `default_bundle` where None.
        require_signature: a public key that must have signed it, or a file of such keys; None: it need not be
            signed.
        images: files and folders to read.
        camera: number, address or video file to read instead.
        region: where in each frame plates are looked for, or the rectangle that is one; all of it where None.
        crop: images, or the region, are plates already; so it is, too, in a bundle without a locator.
        min_confidence: a text below is no reading; the bundle's own limit where None.
        locate_size: px; frames are looked at as large as in a square of this side.
        min_plate_width: px; plates from this width on are to be found.
        benchmark: read so many frames, over and over, and print no line for each.
        labels: "name" if the names of the files say what is on the plates.
        as_json: print JSON lines instead of text and a summary.
        report: file to write a report to.
        threads: for the module's parallel loops.
        grammar: let the plate grammar choose among the likely texts.
        warmup: inferences before the first frame.
        annotated: folder for pictures of what was read.
        check: verify the bundle and stop.

    Raises:
        FatalError: they ask for nothing, or for two things that exclude each other.
    """

    bundle: Path | None = None
    require_signature: str | None = None
    images: tuple[Path, ...] = ()
    camera: str | None = None
    region: Region | None = None
    crop: bool = False
    min_confidence: float | None = None
    locate_size: int | None = None
    min_plate_width: int | None = None
    benchmark: int | None = None
    labels: Literal["name"] | None = None
    as_json: bool = False
    report: Path | None = None
    threads: int = 1
    grammar: bool = False
    warmup: int = 5
    annotated: Path | None = None
    check: bool = False

    def __post_init__(self) -> None:
        if not (self.images or self.camera or self.benchmark or self.check):
            raise FatalError(
                "lpr-run", "has nothing to read", "give --images, --camera, --benchmark or --check"
            )
        if self.images and self.camera:
            raise FatalError("--camera", "cannot be combined with --images", "leave one of them out")
        if self.labels and not self.images:
            raise FatalError("--labels name", "needs file names", "give --images")
        if self.crop and self.region and not self.region.is_rectangle:
            raise FatalError("--crop", "cannot be combined with a polygon", "give --roi X,Y,W,H")
        if self.crop and (self.locate_size or self.min_plate_width):
            raise FatalError("--crop", "leaves nothing to find", "leave it or the size out")

    @property
    def source(self) -> str:
        """What a report calls the source of the frames."""
        return "images" if self.images else "camera" if self.camera else "golden"


class Stop:
    """Asks a run to end; one that a signal may set.

    Attributes:
        signal: the one that asked; None before, and where it was not a signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self.signal: int | None = None

    def __call__(self, number: int | None = None) -> None:
        """End after this frame."""
        self.asked, self.signal = True, number

    @contextmanager
    def on_signals(self) -> Iterator[Stop]:
        """While in the block, SIGTERM and Ctrl-C end the run in order; a second one ends it at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self(number)

        try:
            before = {n: signal.signal(n, ask) for n in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:
            # Not the main thread: whoever started it ends it.
            before = {}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
    ) -> None:
        self.reader, self.sinks, self.follower, self.labelled = reader, sinks, follower, labelled
        self.measured = Measurements()
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
                    sooner.callback(source.close)
                    self._until_it_ends(source, stop, most)
            finally:
                self.measured.wall_s += perf_counter() - started

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
        truth = label_of(frame.path) if self.labelled and frame.path else None
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


def run(options: Options, *more: Sink) -> int:
    """Do what *options* ask for and return the exit status.

    0 if every image was read, 1 if some could not be, 2 if an error ended the run, 130 on Ctrl-C. What was
    read until then is summed up and reported all the same.

    Args:
        options: the whole of a command line.
        more: sinks beside those that the options name.

    Raises:
        FatalError: nothing could be read.
    """
    files = image_files(options.images)
    temperature = board.describe().temperature_c if options.report else None
    keys = () if options.require_signature is None else read_keys(options.require_signature)
    engine = Engine.open(options.bundle or default_bundle(), options.threads, options.grammar, keys)
    if options.check:
        click.echo(checked(engine, open_locator(engine.bundle, options.threads) is not None))
        return 0
    reader = Reader.of(
        engine,
        threads=options.threads,
        # Golden inputs are the reader's.
        crop=options.crop or options.source == "golden",
        region=options.region,
        min_confidence=options.min_confidence,
        locate_size=options.locate_size,
        min_plate_width=options.min_plate_width,
    )
    sinks = [*_sinks(options, reader), *more]
    pipeline = Pipeline(reader, sinks, labelled=options.labels is not None)
    pipeline.warm_up(options.warmup)
    measured, status = pipeline.measured, 0
    try:
        with Stop().on_signals() as stop:
            pipeline.run(_source(options, files, engine), stop, options.benchmark)
        # To end is what a service is asked for with SIGTERM.
        status = INTERRUPTED if stop.signal == signal.SIGINT else 0
    except KeyboardInterrupt:
        status = INTERRUPTED
    except FatalError as error:
        # A camera that stops still leaves what it has read until then.
        if not measured.n:
            raise
        log.error("%s", error)
        status = FAILED
    if measured.unreadable and not status:
        status = 1
    if not options.as_json:
        click.echo(summary(measured))
    if measured.n and options.report:
        report = make_report(
            engine.bundle,
            measured,
            source=options.source,
            threads=options.threads,
            grammar=engine.uses_grammar,
            golden_difference=engine.golden_difference,
            temperature_before_c=temperature,
        )
        REPORT.write(options.report, report)
    return status


def _source(options: Options, files: list[Path], engine: Engine) -> Source:
    if options.camera is not None:
        return open_source(options.camera)
    if files:
        return Stills.of_files(files, repeat=options.benchmark is not None)
    return Stills.of_images("golden", list(engine.golden().images))


def _sinks(options: Options, reader: Reader) -> list[Sink]:
    from_camera = options.camera is not None

    def once(sink: Sink) -> Sink:
        """A camera shows the same plates many times."""
        return OnlyChanges(sink) if from_camera else sink

    sinks: list[Sink] = []
    if options.as_json:
        sinks.append(JsonLines())
    elif not options.benchmark:
        sinks.append(once(Lines()))
    if options.annotated:
        whole = from_camera or reader.locator is not None
        glyphs = of_bundle(reader.engine.bundle.path, reader.engine.manifest.alphabet)
        album = Album(
            options.annotated, options.region, whole_frames=whole, overview=not from_camera, glyphs=glyphs
        )
        sinks.append(once(album))
    return [*sinks, Progress(options.benchmark)]
