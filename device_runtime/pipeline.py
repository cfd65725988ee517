"""A run of `lpr-run`: for each frame of a source, find and read plates, hand them to the sinks, and count."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Literal

import click
import numpy as np

from device_runtime.board import describe as board
from device_runtime.bundle.find import default_bundle
from device_runtime.console import FAILED, INTERRUPTED
from device_runtime.errors import FatalError
from device_runtime.locate.module import open_locator
from device_runtime.locate.region import Region
from device_runtime.read.engine import Engine
from device_runtime.reader import Reader
from device_runtime.report.measure import Measurements, make_report, warm_up
from device_runtime.report.report import REPORT
from device_runtime.sinks.console import Lines, Progress, checked, summary
from device_runtime.sinks.glyphs import of_bundle
from device_runtime.sinks.jsonl import JsonLines
from device_runtime.sinks.pictures import Album
from device_runtime.sinks.sink import OnlyChanges, Result, Sink
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.image import Image
from device_runtime.sources.open import open_source
from device_runtime.sources.source import Source, frames_of
from device_runtime.sources.stills import Stills
from device_runtime.timing import StageClock

log = logging.getLogger(__name__)

CROP_WIDTH = 240
"""px: an image of a plate alone is seldom wider, a photograph seldom narrower."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user asks of `lpr-run`, one field for each of its options.

    Attributes:
        bundle: its folder; `default_bundle` where None.
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


class Pipeline:
    """Finds and reads the plates of each frame and hands them to the sinks.

    Attributes:
        reader: finds and reads.
        labelled: take the truth from the names of files.
        sinks: get every result, in this order.
        measured: what has been measured so far.
    """

    def __init__(self, reader: Reader, sinks: Sequence[Sink] = (), *, labelled: bool = False) -> None:
        self.reader, self.sinks, self.labelled = reader, sinks, labelled
        self.measured = Measurements()
        self._warned = False

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

    def run(self, frames: Iterable[Frame | Unreadable]) -> None:
        """Read each frame, then close the sinks, also where an error ends the run.

        Raises:
            FatalError: what *frames* or a sink raises, and as `Reader.read`.
        """
        started = perf_counter()
        with ExitStack() as stack:
            for sink in self.sinks:
                stack.callback(sink.close)
            try:
                for frame in frames:
                    if isinstance(frame, Unreadable):
                        self.measured.unreadable += 1
                        log.warning("%s", frame.error)
                        for sink in self.sinks:
                            sink.miss(frame)
                    else:
                        result = self.read(frame)
                        for sink in self.sinks:
                            sink.add(result)
            finally:
                self.measured.wall_s += perf_counter() - started

    def read(self, frame: Frame) -> Result:
        """Find and read the plates of one frame, and count it.

        Raises:
            FatalError: as `Reader.read`.
        """
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
        return result


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
    engine = Engine.open(options.bundle or default_bundle(), options.threads, options.grammar)
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
        pipeline.run(islice(frames_of(_source(options, files, engine)), options.benchmark))
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
