"""`lprnet scenes`: rendered street pictures with their labels."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from device_runtime.errors import FatalError
from lprnet.commands import options
from lprnet.commands.options import FOLDER, UNSEEN, Number

SMALLEST, LARGEST = 160, 7680
"""px, sides of a picture."""
LOG = logging.getLogger(__name__)


class SizeType(click.ParamType):
    """Width and height as `WxH`."""

    name = "WxH"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Both in pixels.

        Raises:
            FatalError: it says something else, or one is too small or large.
        """
        if isinstance(value, tuple):
            return value
        parts = value.lower().split("x")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            raise FatalError(f"--size {value}", "no width and height", "write it as 1280x720")
        width, height = (int(part[:6]) for part in parts)
        if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
            raise FatalError(
                f"--size {value}", "too small or large", f"give sides of {SMALLEST} to {LARGEST} pixels"
            )
        return width, height


class KindsType(click.ParamType):
    """Kinds of rendered plates, with commas in between."""

    name = "kinds"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names as they were given.

        Raises:
            FatalError: there is no such kind.
        """
        from lprnet.scenes.pictures import known_kinds

        if isinstance(value, tuple):
            return value
        names = tuple(value.split(","))
        if unknown := [name for name in names if name not in known_kinds()]:
            todo = f"choose of {', '.join(known_kinds())}"
            raise FatalError(f"--kinds {unknown[0]}", "no such kind of plate", todo)
        return names


@click.command("scenes")
@options.output(FOLDER, "Folder for the pictures and labels.jsonl.")
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    help="Pictures; 20 by default, and with --crops as many as there are crops.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=UNSEEN + 2,
    show_default=True,
    help="Of every random choice.",
)
@click.option("--size", type=SizeType(), default="1280x720", show_default=True, help="Of each picture, px.")
@click.option(
    "--kinds",
    type=KindsType(),
    help="Kinds of rendered plates, e.g. blue,yellow-double or eu; those most common in China by default.",
)
@click.option(
    "--crops",
    type=FOLDER,
    help="Real plates, each in a file named by its text, to put in place of rendered ones; one a picture.",
)
@click.option(
    "--turn",
    type=Number(-45, 45),
    help="Turn the camera so that plates stand clockwise by so many degrees, without any other tilt.",
)
@click.option(
    "--stack",
    type=Number(0, 1, min_open=True, max_open=True),
    help="Cut crops at this share of their width and stack both parts, as plates with two rows.",
)
@click.option("--drives", is_flag=True, help="Write short videos of cars that pass instead of pictures.")
def scenes_command(
    output: Path,
    count: int | None,
    seed: int,
    size: tuple[int, int],
    kinds: tuple[str, ...] | None,
    crops: Path | None,
    turn: float | None,
    stack: float | None,
    drives: bool,
) -> None:
    """Write rendered street pictures, and labels.jsonl that says where plates are and what they read."""
    from lprnet.console import track
    from lprnet.scenes.pictures import COMMON, Request, read_crops, write_pictures

    if stack is not None and crops is None:
        raise FatalError("--stack", "is about crops", "give --crops or leave it out")
    if kinds is not None and crops is not None:
        raise FatalError("--kinds", "is about rendered plates", "leave out --crops or --kinds")
    if drives:
        from lprnet.scenes.drive import write_drives

        if crops is not None or turn is not None:
            raise FatalError(
                "--drives", "is about rendered plates on streets", "leave out --crops and --turn"
            )
        videos = write_drives(output, seed, size, count or 20, kinds or COMMON)
        for _ in track(videos, "videos", count or 20, LOG):
            pass
        LOG.info("%d videos in %s", count or 20, output)
        return
    real = read_crops(crops, stack) if crops is not None else ()
    settings: dict[str, Any] = {"kinds": kinds or COMMON, "crops": real, "turn": turn}
    number = count or len(real) or 20
    written = write_pictures(output, Request(seed, size, **settings), number)
    for _ in track(written, "pictures", number, LOG):
        pass
    LOG.info("%d pictures in %s", number, output)
