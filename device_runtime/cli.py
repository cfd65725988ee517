"""`lpr-run`: reads plates on the board. Only its command line is here; `device_runtime.pipeline` runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from device_runtime import __version__
from device_runtime.console import OneLineCommand, configure_logging
from device_runtime.locate.region import Region
from device_runtime.pipeline import Options, run


class RegionType(click.ParamType):
    """X,Y,W,H or a polygon, in pixels."""

    name = "X,Y,W,H"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Region:
        try:
            return Region.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
    "--require-signature",
    metavar="KEY",
    help="Load only a bundle that this public key signed: a line of text, or a file of such lines.",
)
@click.option(
    "--images",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    help="Image files and folders.",
)
@click.option(
    "--camera", metavar="N|URL", help="Camera number, stream address or video file; Ctrl-C ends it."
)
@click.option("--crop", is_flag=True, help="Images, or the rectangle of --roi, are plates already.")
@click.option(
    "--roi",
    "region",
    type=RegionType(),
    help="Where plates are looked for; or a polygon, X1,Y1,X2,Y2,X3,Y3,…",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Least confidence of a reading.  [default: the bundle's]",
)
@click.option(
    "--min-plate-width",
    type=click.IntRange(4, 10_000),
    metavar="PX",
    help="Narrowest plate to be found, in pixels of the frame: takes more looks.",
)
@click.option(
    "--locate-size",
    type=click.IntRange(64, 10_000),
    metavar="PX",
    help="Look at frames as large as in a square of this side.  [default: 320]",
)
@click.option(
    "--benchmark",
    type=click.IntRange(1),
    metavar="N",
    help="Read N frames, over and over; golden inputs without --images.",
)
@click.option(
    "--labels", type=click.Choice(["name"]), help="Where the truth is: file names. Prints accuracy."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--report", type=ReportType(), help="Write a report, version 1.")
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
def command(**options: Any) -> int:
    """Find and read license plates with a compiled bundle.

    Exit status: 0 if every image was read, 1 if some could not be, 2 on an error, 130 on Ctrl-C.
    """
    return run(Options(**options))


def main() -> None:
    """Entry point."""
    configure_logging()
    command()


if __name__ == "__main__":
    main()
