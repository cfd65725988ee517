"""`lpr-host compare`: two bundles, targets, revisions or reports beside each other."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import click

from device_runtime.console import one_line
from device_runtime.errors import FatalError
from host.commands import options
from lprnet.console import table

HEADINGS = ("metric", "A", "B", "change", "95 % interval", "n", "verdict")


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options.data()
@click.option(
    "--scenes", type=options.FOLDER, help="Photographs on which plates are looked for, to be timed."
)
@click.option("--rounds", type=click.IntRange(5, 10_000), default=10, show_default=True, help="Runs of each.")
@click.option(
    "--inferences",
    type=click.IntRange(10, 1_000_000),
    default=200,
    show_default=True,
    help="Frames of a run.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True)
@click.option(
    "--resolution",
    type=click.FloatRange(0.1, 100),
    default=5.0,
    show_default=True,
    metavar="PERCENT",
    help="Change of a median latency that has to be told from none.",
)
@click.option(
    "--fail-if",
    multiple=True,
    metavar="CONDITION",
    help="Exit with status 1 if it holds, e.g. 'infer.p50>+5%'; repeatable; see docs/compare.md.",
)
@click.option("--export", type=options.FILE, help="File to write: .csv, .json or .parquet.")
@click.option("--all", "everything", is_flag=True, help="Show p90 and p99, too.")
@options.as_json
def compare_command(
    a: str,
    b: str,
    data: tuple[Path, ...],
    scenes: Path | None,
    rounds: int,
    inferences: int,
    threads: int,
    resolution: float,
    fail_if: tuple[str, ...],
    export: Path | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Say what changed from A to B: reports or folders of reports, bundles, targets, or git revisions.

    Bundles, and what is built of targets and revisions, are run in turns on this machine.

    Exit status: 0, 1 if a condition of --fail-if holds, 2 on an error or where runs are too short to tell.
    """
    from host.compare import run
    from host.compare.compare import met, refuse_too_short
    from host.compare.condition import parse_condition
    from host.compare.export import check_export
    from host.compare.export import export as write
    from host.compare.table import rows
    from host.paths import SAMPLES

    if math.isnan(resolution):
        raise FatalError("--resolution nan", "is no number", "give per cent, 0.1 to 100")
    conditions = [parse_condition(text) for text in fail_if]
    if export is not None:
        check_export(export)
    for folder in (*data, *([scenes] if scenes else [])):
        if not folder.is_dir():
            raise FatalError(str(folder), "is no folder", "name one with images")
    comparison = run.compare_named(
        a,
        b,
        data=[path.absolute() for path in data] or [SAMPLES],
        scenes=scenes.absolute() if scenes else None,
        rounds=rounds,
        frames=inferences,
        threads=threads,
        resolution=resolution / 100,
    )
    if export is not None:
        write(comparison, export)
    if as_json:
        from device_runtime.schema import encode

        click.echo(encode(comparison).decode(), nl=False)
    else:
        click.echo(f"A: {one_line(comparison.a)}\nB: {one_line(comparison.b)}")
        table(HEADINGS, rows(comparison, everything), right=HEADINGS[1:6])
        for note in comparison.notes:
            click.echo(one_line(note))
    if conditions:
        found = met(comparison, conditions)
        for one in found:
            click.echo(f"{one.condition.text}: {one.row.metric} {one.row.verdict}", err=True)
        sys.exit(1 if found else 0)
    refuse_too_short(comparison, resolution / 100)
