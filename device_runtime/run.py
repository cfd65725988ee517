"""A run of `lpr-run`: opens what its options name, runs the pipeline, sums up and reports."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import click
import msgspec

from device_runtime.board import describe as board
from device_runtime.board.cores import keep_to, parse_cores
from device_runtime.bundle.find import default_bundle
from device_runtime.bundle.signature import PublicKey, read_keys
from device_runtime.configuration import Configuration
from device_runtime.console import FAILED, INTERRUPTED
from device_runtime.delivery.outbox import Outbox, default_spool
from device_runtime.errors import FatalError
from device_runtime.follow.follower import Follower
from device_runtime.locate.module import open_locator
from device_runtime.pipeline import Pipeline
from device_runtime.read.engine import Engine
from device_runtime.read.grammar import for_alphabet
from device_runtime.read.settings import ReadSettings
from device_runtime.reader import Reader
from device_runtime.report.health import HEALTH, Health
from device_runtime.report.measure import Measurements, make_report
from device_runtime.report.report import REPORT, Report
from device_runtime.service.address import parse_address
from device_runtime.service.health import HealthReports
from device_runtime.service.notify import Notifier
from device_runtime.service.trim import Trim, one_heap
from device_runtime.service.watchdog import Watchdog
from device_runtime.sinks.console import EventLines, Lines, Progress, checked, summary
from device_runtime.sinks.crops import Crops
from device_runtime.sinks.folder import BoundedFolder
from device_runtime.sinks.glyphs import of_bundle
from device_runtime.sinks.hook import Hook
from device_runtime.sinks.jsonl import JsonEvents, JsonLines
from device_runtime.sinks.later import Later
from device_runtime.sinks.pictures import Album, EventAlbum
from device_runtime.sinks.send import Sent
from device_runtime.sinks.sink import Sink
from device_runtime.sinks.table import Table
from device_runtime.sinks.video import Video
from device_runtime.sources.files import image_files
from device_runtime.sources.open import open_source
from device_runtime.sources.source import Source, is_lost
from device_runtime.sources.stills import Nothing, Stills
from device_runtime.stop import Stop

log = logging.getLogger(__name__)

FRAME_RATE = 10.0
"""Of images that are followed, unless `source.fps` says it."""

DRAIN_S = 10.0
"""How long the end of a run waits for the host to take what there is."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user asks of one run of `lpr-run`.

    Attributes:
        configuration: what holds for every run, from the settings file and the options that override it.
        images: files and folders to read instead of a camera.
        benchmark: read so many frames, over and over, and print no line for each.
        labels: "name" if the names of the files say what is on the plates.
        warmup: inferences before the first frame.
        check: verify the bundle and stop.

    Raises:
        FatalError: they ask for nothing, or for two things that exclude each other.
    """

    configuration: Configuration = field(default_factory=Configuration)
    images: tuple[Path, ...] = ()
    benchmark: int | None = None
    labels: Literal["name"] | None = None
    warmup: int = 5
    check: bool = False

    def __post_init__(self) -> None:
        read, locate = self.configuration.reader, self.configuration.locate
        if not (self.has_frames or self.check or self.only_serves):
            raise FatalError(
                "lpr-run", "has nothing to read", "give --images, --camera, --serve, --benchmark or --check"
            )
        if self.labels and not self.images:
            raise FatalError("--labels name", "needs file names", "give --images")
        if read.crop and locate.region and not locate.region.is_rectangle:
            raise FatalError("--crop", "cannot be combined with a polygon", "give --roi X,Y,W,H")
        if read.crop and (locate.size or locate.min_plate_width):
            raise FatalError("--crop", "leaves nothing to find", "leave it or the size out")
        needing = self._for_events if self.has_frames and not (self.check or self.follow) else None
        if needing:
            raise FatalError(needing, "is about events, and none are made of images", "give --follow")

    @property
    def has_frames(self) -> bool:
        """Whether there is something to read."""
        return bool(self.images or self.configuration.source.camera or self.benchmark)

    @property
    def only_serves(self) -> bool:
        """Whether there are no frames, but images that others ask about."""
        return self.configuration.serve.address is not None and not self.has_frames

    @property
    def source(self) -> str:
        """What a report calls the source of the frames."""
        if self.images:
            return "images"
        return "camera" if self.configuration.source.camera or self.only_serves else "golden"

    @property
    def follow(self) -> bool:
        """Whether events are made of the frames."""
        if self.source == "golden":
            return False
        asked = self.configuration.events.follow
        return self.source == "camera" if asked is None else asked

    @property
    def _for_events(self) -> str | None:
        """An option that was given and needs events."""
        asked = self.configuration
        given = {
            "--save-crops": asked.output.crops,
            "--csv": asked.output.csv,
            "--events": asked.delivery.events,
            "--webhook": asked.webhook.url,
            "--mqtt": asked.mqtt.host,
            "--on-plate": asked.output.on_plate,
        }
        return next((name for name, value in given.items() if value), None)


def run(options: Options, *more: Sink) -> int:
    """Do what *options* ask for and return the exit status.

    0 if every image was read or SIGTERM asked to end, 1 if some could not be read, 2 if an error ended the
    run, 130 on Ctrl-C. What was read until then is summed up and reported all the same.

    Args:
        options: the whole of a command line.
        more: sinks beside those that the options name.

    Raises:
        FatalError: nothing could be read.
    """
    asked = options.configuration
    files = image_files(options.images)
    temperature = board.describe().temperature_c if asked.delivery.report else None
    bundle = asked.reader.bundle or default_bundle()
    key = asked.reader.require_signature
    keys = () if key is None else read_keys(key)
    # Before any thread is started, which keep to these, too.
    one_heap()
    keep_to(parse_cores(asked.service.cores), asked.reader.threads)
    # Golden inputs are timed, so that bundles can be compared: each takes one look.
    reads = msgspec.structs.replace(asked.reader, looks=False) if options.source == "golden" else asked.reader
    engine = _engine(bundle, reads, keys)
    if options.check:
        click.echo(checked(engine, open_locator(engine.bundle, asked.reader.threads) is not None))
        return 0
    reader = _reader(options, engine, options.only_serves)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop().on_signals())
        more_hosts = [to for to in (asked.webhook.destination, asked.mqtt.destination) if to is not None]
        outbox = stack.enter_context(Outbox.open(asked.delivery, more_hosts, stop))
        source = _source(options, files, engine)
        stack.callback(source.close)
        measured, status = Measurements(), 0
        watchdog = Watchdog(
            Notifier(),
            lambda: options.only_serves or is_lost(source),
            quiet_s=asked.source.timeout if source.live else 0,
        )
        sinks = [watchdog, Trim(), *_attending(options, reader, keys, source, measured, outbox)]
        pipeline = Pipeline(
            reader,
            [*sinks, *_sinks(options, reader, outbox, source, stop), *more],
            follower=_follower(options, engine) if options.follow else None,
            labelled=options.labels is not None,
            measured=measured,
        )
        pipeline.warm_up(options.warmup)
        watchdog.ready()
        try:
            pipeline.run(source, stop, options.benchmark)
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
        if not (asked.output.json or options.only_serves):
            click.echo(summary(measured))
        if measured.n and (asked.delivery.report or outbox.takes("report")):
            report = _report(options, engine, measured, temperature)
            outbox.put("report", report)
            if outbox.report_file is not None:
                REPORT.write(outbox.report_file, report)
        outbox.drain(DRAIN_S)
    return status


def _reader(options: Options, engine: Engine, whole: bool = False) -> Reader:
    """Of frames; or of the *whole* of images, though `locate.roi` is set."""
    read, locate = options.configuration.reader, options.configuration.locate
    return Reader.of(
        engine,
        threads=read.threads,
        # Golden inputs are the reader's.
        crop=read.crop or options.source == "golden",
        region=None if whole else locate.region,
        min_confidence=read.min_confidence,
        locate_size=locate.size,
        min_plate_width=locate.min_plate_width,
    )


def _follower(options: Options, engine: Engine) -> Follower:
    settings = options.configuration.events.with_files()
    countries = options.configuration.reader.countries
    return Follower(settings, for_alphabet(engine.characters, countries).accepts)


def _report(
    options: Options, engine: Engine, measured: Measurements, temperature_before_c: float | None
) -> Report:
    return make_report(
        engine.bundle,
        measured,
        source=options.source,
        threads=options.configuration.reader.threads,
        grammar=engine.uses_grammar,
        golden_difference=engine.golden_difference,
        temperature_before_c=temperature_before_c,
    )


def _engine(bundle: Path, asked: ReadSettings, keys: tuple[PublicKey, ...]) -> Engine:
    return Engine.open(bundle, asked.threads, asked.grammar, keys, asked.countries, asked.looks)


def _source(options: Options, files: list[Path], engine: Engine) -> Source:
    source = options.configuration.source
    if options.only_serves:
        return Nothing()
    if files:
        fps = (source.fps or FRAME_RATE) if options.follow else None
        return Stills.of_files(files, repeat=options.benchmark is not None, fps=fps)
    if source.camera is not None:
        return open_source(source.camera, source)
    return Stills.of_images("golden", list(engine.golden().images))


def _attending(
    options: Options,
    reader: Reader,
    keys: tuple[PublicKey, ...],
    source: Source,
    measured: Measurements,
    outbox: Outbox,
) -> list[Sink]:
    """What tells others how the run is doing, shows it, and answers questions."""
    asked, engine = options.configuration, reader.engine
    sinks: list[Sink] = []
    if asked.serve.address is not None:
        # Only where they are used: they take a while to load.
        from device_runtime.service.serve import Server

        def another() -> Reader:
            """One for the images of others: a reader serves one thread."""
            if options.only_serves:
                return reader
            own = _engine(engine.bundle.path, asked.reader, keys)
            return _reader(options, own, whole=True)

        sinks.append(Server(parse_address(asked.serve.address), another, settings=asked.serve))
    if asked.view.address is not None:
        from device_runtime.service.view import View

        glyphs = of_bundle(engine.bundle.path, engine.manifest.alphabet)
        address, region = parse_address(asked.view.address), asked.locate.region
        sinks.append(View(address, region=region, glyphs=glyphs, settings=asked.view))
    health_file = asked.health.path()
    if ("health" in outbox.deliveries or health_file) and source.live:

        def put(health: Health) -> None:
            outbox.put("health", health)
            if health_file is not None:
                HEALTH.write(health_file, health)

        reports = HealthReports(
            put,
            measured,
            engine.bundle,
            source=None if options.only_serves else source,
            items=outbox.counts,
            spool=asked.delivery.spool or default_spool(),
            interval_s=asked.health.interval,
        )
        sinks.append(reports)
    return sinks


def _sinks(options: Options, reader: Reader, outbox: Outbox, source: Source, stop: Stop) -> list[Sink]:
    output, region = options.configuration.output, options.configuration.locate.region
    glyphs = None
    if output.annotated or output.video:
        glyphs = of_bundle(reader.engine.bundle.path, reader.engine.manifest.alphabet)
    sinks: list[Sink] = []

    def later(sink: Sink, name: str) -> Sink:
        """A camera does not wait for disks."""
        return Later(sink, name, lambda: stop.left_s(DRAIN_S, share=0.2)) if source.live else sink

    if output.json:
        sinks.append(JsonEvents() if options.follow else JsonLines())
    elif not options.benchmark:
        sinks.append(EventLines() if options.follow else Lines())
    if output.annotated and not options.follow:
        single = options.source == "camera"
        whole = single or reader.locator is not None
        sinks.append(Album(output.annotated, region, whole_frames=whole, overview=not single, glyphs=glyphs))
    if output.video:
        size, fps = output.video_mib << 20, output.video_fps
        sinks.append(Video(output.video, region, fps=fps, max_bytes=size, glyphs=glyphs))
    if options.follow:
        if output.annotated:
            folder = BoundedFolder(output.annotated, output.annotated_mib << 20)
            sinks.append(later(EventAlbum(folder, region, glyphs=glyphs), "--save-annotated"))
        if output.crops:
            sinks.append(later(Crops(BoundedFolder(output.crops, output.crops_mib << 20)), "--save-crops"))
        if output.csv:
            sinks.append(later(Table(output.csv), "--csv"))
        if outbox.takes("event"):
            sinks.append(Sent(outbox, crops=options.configuration.delivery.crops))
        if output.on_plate:
            timeout_s = output.on_plate_timeout
            sinks.append(
                Hook(
                    output.on_plate,
                    timeout_s=timeout_s,
                    closing_s=lambda: stop.left_s(2 * timeout_s, share=0.2),
                )
            )
    return [*sinks, Progress(options.benchmark)]
