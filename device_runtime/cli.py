"""`lpr-run`: finds and reads plates on the board. Its command line; `device_runtime.run` does the rest.

An option that a settings file can say, too, is a `Setting`: it knows the section and key that it overrides.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from device_runtime import __version__
from device_runtime.configuration import Override, configure
from device_runtime.console import OneLineCommand, configure_logging
from device_runtime.errors import FatalError
from device_runtime.locate.region import Region
from device_runtime.run import Options, run
from device_runtime.sources.settings import PIXEL_FORMATS, parse_size

INPUT, FIND, EVENTS, OUTPUT, OTHERS, MEASURE = (
    "What is looked at",
    "Finding and reading",
    "Events",
    "Where it goes",
    "Looking on and asking",
    "Checking and measuring",
)
"""Groups of options, in the order of the help."""


class RegionType(click.ParamType):
    """X,Y,W,H or a polygon, in pixels."""

    name = "X,Y,W,H"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return Region.parse(str(value)).text
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DelayType(click.ParamType):
    """Seconds, or gone."""

    name = "S"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "gone":
            return "gone"
        return float(click.FloatRange(0, 86_400).convert(value, param, ctx))


class SizeType(click.ParamType):
    """WIDTHxHEIGHT."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CommandType(click.ParamType):
    """A program and its arguments, split as a shell does, but without a shell."""

    name = "CMD"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        try:
            words = tuple(shlex.split(str(value)))
        except ValueError as error:
            self.fail(f"{value!r} is no command ({error})", param, ctx)
        if not words:
            self.fail("no program is named", param, ctx)
        return words


class Grouped(click.Option):
    """An option in a group of the help."""

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


class Setting(Grouped):
    """An option that overrides *key* of a section, `section.key`, where it is given."""

    def __init__(self, *args: Any, key: str, **attributes: Any) -> None:
        # It has no default: what is not given is left to the settings file.
        super().__init__(*args, default=None, callback=_note, expose_value=False, **attributes)
        self.section, _, self.key = key.partition(".")


def _note(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what an option says, if it was given, for `overrides_of`."""
    assert isinstance(param, Setting) and param.name is not None
    if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        given = str(value) if isinstance(value, Path) else value
        overrides_of(ctx).append(Override(param.opts[0], param.section, param.key, given))


def overrides_of(ctx: click.Context) -> list[Override]:
    """What the options that were given override."""
    overrides: list[Override] = ctx.meta.setdefault("device_runtime.overrides", [])
    return overrides


def setting(*names: str, key: str, group: str, **attributes: Any) -> Callable[[Any], Any]:
    """Decorates a command with a `Setting`."""
    return click.option(*names, key.replace(".", "_"), cls=Setting, key=key, group=group, **attributes)


def option(*names: str, group: str, **attributes: Any) -> Callable[[Any], Any]:
    """Decorates a command with an option that no settings file has."""
    return click.option(*names, cls=Grouped, group=group, **attributes)


class Command(OneLineCommand):
    """Shows its options by group, and lets `--images` take every value up to the next option.

    Shells expand wildcards to many values.
    """

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

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [(param, param.get_help_record(ctx)) for param in self.get_params(ctx)]
        for group in (INPUT, FIND, EVENTS, OUTPUT, OTHERS, MEASURE, None):
            rows = [record for param, record in shown if record and getattr(param, "group", None) == group]
            with formatter.section(group or "Other"):
                formatter.write_dl(rows)


@click.command("lpr-run", cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@option(
    "--config",
    group=INPUT,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings, a TOML file; options override it.",
)
@option(
    "--images",
    group=INPUT,
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH...",
    help="Image files and folders.",
)
@setting(
    "--camera",
    key="source.camera",
    group=INPUT,
    metavar="WHAT",
    help="A camera's number, path or name, a stream's address, a video, or - for standard input.",
)
@setting(
    "--size",
    key="source.size",
    group=INPUT,
    type=SizeType(),
    help="Of a camera's frames, or of raw ones from standard input.",
)
@setting(
    "--fps",
    key="source.fps",
    group=INPUT,
    type=click.FloatRange(0, 1000, min_open=True),
    metavar="N",
    help="Frames a second that a camera is asked for, and the most that are taken.",
)
@setting(
    "--pixel-format",
    key="source.pixel_format",
    group=INPUT,
    type=click.Choice(PIXEL_FORMATS, case_sensitive=False),
    help="Of a local camera or of standard input.  [default: MJPG where there is a choice]",
)
@setting(
    "--bundle",
    key="reader.bundle",
    group=FIND,
    type=click.Path(path_type=Path),
    help="Bundle folder.  [default: this or the installed one]",
)
@setting(
    "--require-signature",
    key="reader.require_signature",
    group=FIND,
    metavar="KEY",
    help="Load only a bundle that this public key signed: a line of text, or a file of such lines.",
)
@setting(
    "--crop",
    key="reader.crop",
    group=FIND,
    is_flag=True,
    help="Images, or the rectangle of --roi, are plates already.",
)
@setting(
    "--roi",
    key="locate.roi",
    group=FIND,
    type=RegionType(),
    help="Where plates are looked for; or a polygon, X1,Y1,X2,Y2,X3,Y3,…",
)
@setting(
    "--min-confidence",
    key="reader.min_confidence",
    group=FIND,
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Least confidence of a reading.  [default: the bundle's]",
)
@setting(
    "--min-plate-width",
    key="locate.min_plate_width",
    group=FIND,
    type=click.IntRange(4, 10_000),
    metavar="PX",
    help="Narrowest plate to be found, in pixels of the frame: takes more looks.",
)
@setting(
    "--locate-size",
    key="locate.size",
    group=FIND,
    type=click.IntRange(64, 10_000),
    metavar="PX",
    help="Look at frames as large as in a square of this side.  [default: 320]",
)
@setting(
    "--grammar/--no-grammar",
    key="reader.grammar",
    group=FIND,
    help="Prefer likely texts that are plates.  [default: as the bundle says]",
)
@setting(
    "--country",
    key="reader.countries",
    group=FIND,
    multiple=True,
    metavar="NAME",
    help="Whose plates the grammar is of, e.g. br, or a file; repeatable.  [default: all that can be read]",
)
@setting(
    "--looks/--no-looks",
    key="reader.looks",
    group=FIND,
    help="Look at a plate again where its first reading is unsure.  [default: looks]",
)
@setting(
    "--threads",
    key="reader.threads",
    group=FIND,
    type=click.IntRange(1, 256),
    help="[default: 1]",
)
@setting(
    "--cores",
    key="service.cores",
    group=FIND,
    metavar="LIST",
    help="Cores that read, as 4-7, big or all.  [default: big]",
)
@setting(
    "--follow/--no-follow",
    key="events.follow",
    group=EVENTS,
    help="One event a passage instead of a line a frame.  [default: follow, but for --images]",
)
@setting(
    "--delay",
    key="events.delay",
    group=EVENTS,
    type=DelayType(),
    metavar="S|gone",
    help="Seconds from a plate's first reading to its event, or until it is gone.  [default: 2]",
)
@setting(
    "--pattern",
    key="events.pattern",
    group=EVENTS,
    metavar="REGEX",
    help="Only events whose whole text fits, without blanks and dashes, in capitals.",
)
@setting(
    "--plates-only/--any-text",
    key="events.grammar",
    group=EVENTS,
    help="Only events whose text is a plate by the bundle's grammar.  [default: any-text]",
)
@setting(
    "--min-event-confidence",
    key="events.min_confidence",
    group=EVENTS,
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Least confidence of an event.  [default: 0]",
)
@setting(
    "--min-event-width",
    key="events.min_width",
    group=EVENTS,
    type=click.FloatRange(0, 1e5),
    metavar="PX",
    help="Least width of its plate where it was widest.  [default: 0]",
)
@setting(
    "--allow",
    key="events.allow_file",
    group=EVENTS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Only events of these plates, one a line.",
)
@setting(
    "--deny",
    key="events.deny_file",
    group=EVENTS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="No events of these plates.",
)
@setting(
    "--list-distance",
    key="events.list_distance",
    group=EVENTS,
    type=click.FloatRange(0, 8),
    metavar="N",
    help="How far a text may be from a plate of a list; look-alikes count nothing.  [default: 0]",
)
@setting(
    "--on-plate",
    key="output.on_plate",
    group=EVENTS,
    type=CommandType(),
    help="Start this for each event: the plate is its last argument, the event its input.",
)
@setting("--json/--no-json", key="output.json", group=OUTPUT, help="One JSON object a line.")
@setting(
    "--save-annotated",
    key="output.annotated",
    group=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Save pictures of what was read.",
)
@setting(
    "--save-crops",
    key="output.crops",
    group=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Save the plates of events, the newest 256 MiB of them.",
)
@setting(
    "--save-video",
    key="output.video",
    group=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save a video of what was seen and read: .avi, .mp4 or .mkv.",
)
@setting(
    "--csv",
    key="output.csv",
    group=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append a row for each event.",
)
@setting(
    "--events",
    key="delivery.events",
    group=OUTPUT,
    metavar="TO",
    help="Send events: file:PATH, serial:/dev/PORT@BAUD or https://HOST/PATH.",
)
@setting(
    "--report",
    key="delivery.report",
    group=OUTPUT,
    metavar="TO",
    help="Write a report, version 1, or send it likewise.",
)
@setting(
    "--spool",
    key="delivery.spool",
    group=OUTPUT,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where it waits until the host has it.  [default: ~/.local/state/lpr/spool]",
)
@setting(
    "--webhook",
    key="webhook.url",
    group=OUTPUT,
    metavar="URL",
    help="Post each event, signed with LPR_WEBHOOK_SECRET.",
)
@setting(
    "--mqtt",
    key="mqtt.host",
    group=OUTPUT,
    metavar="HOST",
    help="Publish events to this broker; more in the settings file.",
)
@setting(
    "--view",
    key="view.address",
    group=OTHERS,
    metavar="[HOST:]PORT",
    help="A live view for aiming the camera, for a browser.",
)
@setting(
    "--serve",
    key="serve.address",
    group=OTHERS,
    metavar="[HOST:]PORT",
    help="Answer single images, as CodeProject.AI's license plate reader.",
)
@option(
    "--benchmark",
    group=MEASURE,
    type=click.IntRange(1),
    metavar="N",
    help="Read N frames, over and over; golden inputs, one look at each, without --images.",
)
@option(
    "--labels",
    group=MEASURE,
    type=click.Choice(["name"]),
    help="Where the truth is: file names. Prints accuracy.",
)
@option(
    "--warmup",
    group=MEASURE,
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="Inferences before timing.",
)
@option("--check", group=MEASURE, is_flag=True, help="Verify the bundle on this board, then stop.")
@click.version_option(__version__, prog_name="lpr-run")
@click.pass_context
def command(ctx: click.Context, config: Path | None, **options: Any) -> int:
    """Find and read license plates with a compiled bundle.

    Exit status: 0 if every image was read, 1 if some could not be, 2 on an error, 130 on Ctrl-C.
    """
    overrides = overrides_of(ctx)
    if options["images"] and any(one.option == "--camera" for one in overrides):
        raise FatalError("--camera", "cannot be combined with --images", "leave one of them out")
    return run(Options(configuration=configure(config, overrides), **options))


def main() -> None:
    """Entry point."""
    configure_logging()
    command()


if __name__ == "__main__":
    main()
