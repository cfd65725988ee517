"""`lprnet locator calibrate`: scenes whose plates are known → how both looks' scores become one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from lprnet.commands import options as common
from lprnet.commands.locator import options
from lprnet.commands.options import FOLDER, UNSEEN, Number


@click.command("calibrate")
@common.weights("Weights of the locator")
@click.option("--data", type=FOLDER, multiple=True, help="Also a folder of labelled photographs.")
@click.option("--ride", multiple=True, help="Of these only frames of this ride; may be repeated.")
@click.option(
    "--rendered", type=click.IntRange(min=1), default=300, show_default=True, help="Scenes to draw."
)
@click.option(
    "--false",
    "per_photo",
    type=Number(0, min_open=True),
    default=0.03,
    show_default=True,
    help="Boxes on no plate a scene, at most, at the threshold.",
)
def calibrate_command(
    weights: Path | None, data: tuple[Path, ...], ride: tuple[str, ...], rendered: int, per_photo: float
) -> None:
    """Fit the score and its threshold on scenes of an unseen seed, and on photographs.

    What it prints belongs into `Scoring` and `Search` in device_runtime/locate/locator.py.
    """
    from device_runtime.locate.locator import Search
    from lprnet.console import track
    from lprnet.data.photographs import read_photographs
    from lprnet.evaluation.locator import measure
    from lprnet.evaluation.locator import rendered as draw
    from lprnet.evaluation.locator_scores import candidates, fit_scoring, least_threshold, scores_of
    from lprnet.scenes.frames import split_by_ride

    # Whatever is looked at counts, however little it is taken for a plate.
    locator = replace(options.locator(weights), search=Search(clear=1.0))
    scenes = draw(UNSEEN + 2, rendered)
    for folder in data:
        photographs = read_photographs(folder)
        scenes += split_by_ride(photographs, ride)[1] if ride else photographs
    (outcomes,) = measure(locator, track(scenes, "scenes", len(scenes)), [0.0])
    logits, plates = candidates(outcomes)
    scoring = fit_scoring(logits, plates)
    scores = scores_of(scoring, logits)
    threshold = least_threshold(scores, plates, per_photo * len(scenes))
    kept = int((plates & (scores >= threshold)).sum())
    click.echo(f"{len(plates)} candidates, {int(plates.sum())} of them plates")
    click.echo(f"{scoring}, threshold {threshold:.2f}: {kept} plates kept")
