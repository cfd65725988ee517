"""`lpr-host endure`: what deliveries and cameras have to bear, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from host.commands import options
from host.endure.names import NAMES


@click.command("endure")
@click.option(
    "--only",
    type=options.NamesType(NAMES),
    metavar="NAME,…",
    help=f"Of {', '.join(NAMES)}; all by default.",
)
@click.option(
    "--items",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Sent over a serial line that loses 2 % and damages 1 % of the bytes, 20 ms late at most.",
)
@click.option("--baud", type=click.IntRange(300), default=115_200, show_default=True, help="Of that line.")
@click.option(
    "--kills",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="kill -9 of a sender at random moments.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=30,
    show_default=True,
    help="A reader of 5 frames a second looks at a camera of 30.",
)
@click.option(
    "--aways",
    type=options.CountsType(),
    metavar="N,…",
    default="1,2,10,30",
    show_default=True,
    help="Seconds that a camera is away, killed and silent in turns.",
)
@click.option(
    "--frames",
    type=click.IntRange(20_000),
    default=1_000_000,
    show_default=True,
    help="Read one after the other; memory may not grow.",
)
@options.bundle
def endure_command(
    only: tuple[str, ...] | None,
    items: int,
    baud: int,
    kills: int,
    seconds: float,
    aways: tuple[int, ...],
    frames: int,
    bundle: Path | None,
) -> None:
    """Try what deliveries and cameras have to bear: bad lines, kills, servers that come and go.

    And a million frames. Real servers and terminals on this machine. RTSP wants GStreamer's server and is not
    tried without.

    Exit status: 0 if nothing fails, 1 if something does, 2 on an error.
    """
    from host.endure.run import Sizes, endure

    sizes = Sizes(
        items=items,
        baud=baud,
        kills=kills,
        seconds=seconds,
        aways_s=tuple(map(float, aways)),
        frames=frames,
        bundle=bundle or Path("build/native"),
    )
    outcomes = endure(only or NAMES, sizes)
    sys.exit(options.show_outcomes(outcomes))
