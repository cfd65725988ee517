"""`lpr-run`: reads plates on the board."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import click

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.bundle.manifest import MANIFEST_NAME
from device_runtime.console import INTERRUPTED, OneLineCommand, one_line
from device_runtime.errors import FatalError
from device_runtime.locate.region import Region
from device_runtime.pipeline import Result, Session
from device_runtime.read.engine import Engine
from device_runtime.report.measure import make_report
from device_runtime.report.report import REPORT
from device_runtime.sinks import console as output
from device_runtime.sinks import pictures as annotate
from device_runtime.sources.camera import camera_frames
from device_runtime.sources.files import image_files, read_files
from device_runtime.sources.frame import Frame, Unreadable


class RegionType(click.ParamType):
    """X,Y,W,H in pixels."""

    name = "X,Y,W,H"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Region:
        try:
            x, y, width, height = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not X,Y,W,H in pixels", param, ctx)
        if x < 0 or y < 0 or width < 1 or height < 1:
            self.fail(f"{value!r} is no region of an image", param, ctx)
        return x, y, width, height


class ReportType(click.ParamType):
    """file:PATH."""

    name = "file:PATH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        kind, _, path = str(value).partition(":")
        if kind != "file" or not path:
            self.fail(f"{value!r} is not file:PATH", param, ctx)
        return Path(path)


class ManyValues(OneLineCommand):
    """Lets `--images` take every value up to the next option, as shells expand wildcards to."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        taking = False
        for index, arg in enumerate(args):
            if arg.startswith("-") and arg != "-":
                taking = arg == "--images"
                spread.append(arg)
                continue
            if taking and args[index - 1] != "--images":
                spread.append("--images")
            spread.append(arg)
        return super().parse_args(ctx, spread)


@click.command("lpr-run", cls=ManyValues, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Bundle folder.  [default: this or the installed one]"
)
@click.option(
    "--images",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    help="Image files and folders.",
)
@click.option(
    "--camera", metavar="N|URL", help="Camera number, stream address or video file; Ctrl-C ends it."
)
@click.option("--roi", "region", type=RegionType(), help="Part of each frame that holds the plate.")
@click.option(
    "--benchmark",
    type=click.IntRange(1),
    metavar="N",
    help="Read N plates, over and over; golden inputs without --images.",
)
@click.option(
    "--labels", type=click.Choice(["name"]), help="Where the truth is: file names. Prints accuracy."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--report", "report_path", type=ReportType(), help="Write a report, version 1.")
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option("--grammar/--no-grammar", default=False, help="Prefer likely texts that are plates.")
@click.option(
    "--warmup",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="Inferences before timing.",
)
@click.option(
    "--save-annotated",
    "annotated",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Save pictures of what was read.",
)
@click.option("--check", is_flag=True, help="Verify the bundle on this board, then stop.")
@click.version_option(__version__, prog_name="lpr-run")
def command(
    bundle: Path | None,
    paths: tuple[Path, ...],
    camera: str | None,
    region: Region | None,
    benchmark: int | None,
    labels: str | None,
    as_json: bool,
    report_path: Path | None,
    threads: int,
    grammar: bool,
    warmup: int,
    annotated: Path | None,
    check: bool,
) -> None:
    """Read license plates with a compiled bundle.

    Exit status: 0 if every image was read, 1 if some could not be, 2 on an error, 130 on Ctrl-C.
    """
    if not (paths or camera or benchmark or check):
        raise FatalError("lpr-run", "has nothing to read", "give --images, --camera, --benchmark or --check")
    if paths and camera:
        raise FatalError("--camera", "cannot be combined with --images", "leave one of them out")
    if labels and not paths:
        raise FatalError("--labels name", "needs file names", "give --images")
    files = image_files(paths)
    temperature = board.describe().temperature_c if report_path else None
    engine = Engine.open(bundle or default_bundle(), threads, grammar)
    if check:
        click.echo(output.checked(engine))
        return
    session = Session(engine, labels is not None, region)
    warmed = session.warm_up(warmup)
    kind = "images" if paths else "camera" if camera else "golden"
    printer = output.Printer(as_json, quiet=benchmark is not None, changes_only=camera is not None)
    pictures = annotate.Album(annotated, region, whole_frames=camera is not None) if annotated else None
    status = 0
    try:
        with output.progress(benchmark) as bar:
            for result in session.run(_frames(engine, files, camera, benchmark)):
                printer.show(result)
                if pictures and isinstance(result, Result):
                    pictures.add(result.frame, result.reading, result.truth)
                bar.update(1)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except FatalError as error:
        # A camera that stops still leaves what it has read until then.
        if not session.n:
            raise
        click.echo(one_line(f"error: {error}"), err=True)
        status = 2
    if session.unreadable and not status:
        status = 1
    if not as_json:
        click.echo(output.summary(session))
    if session.n and report_path:
        REPORT.write(report_path, make_report(session, kind, threads, warmed, temperature))
    if pictures:
        pictures.close()
    sys.exit(status)


def default_bundle() -> Path:
    """This folder if it is a bundle, else $LPR_BUNDLE, else the folder `venv/` was installed in.

    Raises:
        FatalError: none of them.
    """
    places = [Path(), Path(sys.prefix).parent]
    if named := os.environ.get("LPR_BUNDLE"):
        places.insert(1, Path(named))
    for place in places:
        if (place / MANIFEST_NAME).is_file():
            return place
    raise FatalError("--bundle", "is not given and no bundle is here", "name a bundle folder")


def _frames(
    engine: Engine, files: list[Path], camera: str | None, limit: int | None
) -> Iterator[Frame | Unreadable]:
    if camera is not None:
        frames: Iterator[Frame | Unreadable] = camera_frames(camera)
    elif files:
        frames = read_files(cycle(files) if limit else files)
    else:
        golden = engine.golden().images
        frames = (Frame(f"golden#{index}", golden[index], None) for index in cycle(range(len(golden))))
    return islice(frames, limit)


def main() -> None:
    """Entry point."""
    command()


if __name__ == "__main__":
    main()
