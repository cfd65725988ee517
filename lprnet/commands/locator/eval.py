"""`lprnet locator eval`: labelled photographs → how many plates are found, and how well."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from lprnet.commands import options as common
from lprnet.commands.locator import options
from lprnet.commands.options import FILE, FOLDER, UNSEEN, Number

if TYPE_CHECKING:
    from lprnet.evaluation.locator import Figures, Outcome

WORST = 120
"""Missed plates, and boxes without a label, on a sheet at most."""


@click.command("eval")
@common.weights("Weights of the locator")
@click.option("--data", type=FOLDER, multiple=True, help="Folder of labelled photographs.")
@click.option("--ride", multiple=True, help="Only frames of this ride; may be repeated.")
@click.option("--rendered", type=click.IntRange(min=1), help="Also this many scenes of an unseen seed.")
@click.option(
    "--threshold",
    "thresholds",
    type=Number(0, 1, min_open=True, max_open=True),
    multiple=True,
    default=(0.3, 0.4, 0.5, 0.6),
    show_default=True,
    help="Lowest score of a plate.",
)
@click.option("--worst", type=FILE, help="PNG of what is missed or has no label, at the first threshold.")
@click.option("--json", "as_json", is_flag=True, help="One object a line instead of a table.")
def eval_command(
    weights: Path | None,
    data: tuple[Path, ...],
    ride: tuple[str, ...],
    rendered: int | None,
    thresholds: tuple[float, ...],
    worst: Path | None,
    as_json: bool,
) -> None:
    """Measure how many labelled plates are found, and how well."""
    if not data and not rendered:
        raise FatalError("photographs", "none given", "give --data or --rendered")
    from device_runtime.files import write_atomic
    from lprnet.console import table, track
    from lprnet.data.photographs import read_photographs
    from lprnet.evaluation.locator import figures, measure
    from lprnet.evaluation.locator import rendered as draw
    from lprnet.evaluation.locator_sheet import worst as sheet
    from lprnet.evaluation.sheet import png
    from lprnet.scenes.frames import split_by_ride

    locator = options.locator(weights)
    results: list[tuple[str, float, Figures]] = []
    first: list[Outcome] = []
    sets = {folder.name: read_photographs(folder) for folder in data}
    if ride:
        sets = {name: split_by_ride(photographs, ride)[1] for name, photographs in sets.items()}
    if rendered:
        sets["rendered"] = draw(UNSEEN, rendered)
    for name, photographs in sets.items():
        measured = measure(locator, track(photographs, name, len(photographs)), thresholds)
        results += [(name, t, figures(o)) for t, o in zip(thresholds, measured, strict=True)]
        first += measured[0]
    if worst:
        write_atomic(worst, png(sheet(first, WORST)))
    if as_json:
        for name, threshold, result in results:
            values = {"set": name, "threshold": threshold, **asdict(result)}
            click.echo(json.dumps(values, ensure_ascii=False))
        return
    headings = ("set", "threshold", "found", "false a photo", "corner error", "found by width")
    table(headings, [_row(*result) for result in results], right=headings[1:5])


def _row(name: str, threshold: float, result: Figures) -> tuple[str, ...]:
    error = "–" if result.corner_error is None else f"{result.corner_error:.3f}"
    widths = " · ".join(f"{width} {found}/{n}" for width, (n, found) in result.by_width.items() if n)
    found = f"{result.found} of {result.n}"
    return name, f"{threshold:g}", found, f"{result.false_per_photo:.3f}", error, widths
