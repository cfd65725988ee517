"""`lprnet eval`: a checkpoint and labelled crops, or photographs → how often it is right, and where not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from device_runtime.errors import FatalError
from lprnet.commands import options
from lprnet.commands.options import FILE, FOLDER, UNSEEN, Number
from lprnet.console import table

if TYPE_CHECKING:
    from lprnet.evaluation.evaluate import Outcome
    from lprnet.network.checkpoint import Checkpoint, Source

SHOWN = 20
"""The most frequent confusions that are printed."""
WORST = 120
"""Misread plates on a sheet."""


@click.command("eval")
@options.weights("Checkpoint")
@options.foreign()
@click.option("--data", type=FOLDER, multiple=True, help="Labelled folder.")
@click.option(
    "--rendered", type=click.IntRange(min=1), help="Also this many rendered plates of unseen seeds."
)
@click.option(
    "--scenes",
    type=FOLDER,
    multiple=True,
    help="Folder of photographs with labels.jsonl or CCPD's file names, on which plates are found first.",
)
@click.option("--locator", type=FILE, help="Weights of the locator, for --scenes; else the shipped ones.")
@click.option(
    "--threshold",
    type=Number(0, 1, min_open=True, max_open=True),
    help="Lowest score of a plate, for --scenes.",
)
@click.option("--min-confidence", type=Number(0, 1), help="Lowest confidence of a reading, for --scenes.")
@click.option(
    "--pieces",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="With --scenes: read N plate-shaped pieces of each photograph, too, that show no plate.",
)
@options.kind("Their kind or mix; Chinese ones by default.")
@click.option("--strength", type=Number(0, 2), default=1.0, show_default=True, help="Their distortion.")
@click.option("--worst", type=FILE, help="PNG of misread plates, the most confident first.")
@click.option("--reliability", "plot", type=FILE, help="SVG of the share read right by confidence.")
@click.option("--json", "as_json", is_flag=True, help="One object a line instead of tables.")
def eval_command(
    weights: Path | None,
    source: Source,
    data: tuple[Path, ...],
    rendered: int | None,
    scenes: tuple[Path, ...],
    locator: Path | None,
    threshold: float | None,
    min_confidence: float | None,
    pieces: int,
    kind: str | None,
    strength: float,
    worst: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure a checkpoint at batch 1, and say what it gets wrong."""
    from device_runtime.files import write_atomic
    from lprnet.data.dataset import from_folder
    from lprnet.evaluation.evaluate import read_all
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.plates import render
    from lprnet.threads import limit_threads
    from lprnet.weights import DEFAULT

    if not data and rendered is None and not scenes:
        raise FatalError("plates to read", "none given", "give --data, --rendered or --scenes")
    of_scenes = {"locator": locator, "threshold": threshold, "min-confidence": min_confidence}
    of_scenes["pieces"] = pieces or None
    if not scenes and (given := [name for name, value in of_scenes.items() if value is not None]):
        raise FatalError(f"--{given[0]}", "is about photographs", "give --scenes, or leave it out")
    if scenes and (data or rendered is not None or plot):
        todo = "leave out --data, --rendered and --reliability"
        raise FatalError("--scenes", "is not counted together with crops", todo)
    limit_threads(1)
    checkpoint = load_checkpoint(weights or DEFAULT, source)
    if scenes:
        _count_scenes(checkpoint, scenes, locator, threshold, min_confidence, pieces, worst, as_json)
        return
    sets = {
        folder.resolve().name: [item.sample for item in from_folder(folder, checkpoint.alphabet)]
        for folder in data
    }
    if rendered is not None:
        crops = (render(UNSEEN, i, strength, kind) for i in range(rendered))
        sets[f"rendered {kind or 'mix'}"] = [(crop.image, crop.text) for crop in crops]
    outcomes = {name: read_all(checkpoint, samples) for name, samples in sets.items()}
    if as_json:
        for name, results in outcomes.items():
            click.echo(_as_json(name, results))
    else:
        _print_tables(outcomes)
    if worst is not None:
        from lprnet.evaluation.sheet import png
        from lprnet.evaluation.sheet import worst as worst_sheet

        write_atomic(worst, png(worst_sheet([o for results in outcomes.values() for o in results], WORST)))
    if plot is not None:
        from lprnet.evaluation.evaluate import reliability
        from lprnet.evaluation.reliability import draw

        write_atomic(plot, draw({name: reliability(results) for name, results in outcomes.items()}))


def _count_scenes(
    checkpoint: Checkpoint,
    scenes: Sequence[Path],
    locator: Path | None,
    threshold: float | None,
    min_confidence: float | None,
    pieces: int,
    worst: Path | None,
    as_json: bool,
) -> None:
    from device_runtime.files import write_atomic
    from lprnet.evaluation import scenes_table
    from lprnet.evaluation.networks import examiner
    from lprnet.evaluation.scenes_folder import read_folder, with_threshold
    from lprnet.evaluation.scenes_sheet import worst as sheet
    from lprnet.evaluation.sheet import png
    from lprnet.locator.checkpoint import load_weights
    from lprnet.weights import LOCATOR

    reader = examiner(checkpoint, load_weights(locator or LOCATOR), min_confidence=min_confidence)
    if threshold is not None:
        with_threshold(reader, threshold)
    folders = [read_folder(reader, folder, pieces) for folder in scenes]
    if worst is not None:
        outcomes = [outcome for folder in folders for outcome in folder.outcomes]
        write_atomic(worst, png(sheet(outcomes, WORST // 2)))
    if as_json:
        click.echo("\n".join(map(scenes_table.to_json, folders)))
        return
    table(scenes_table.HEADINGS, scenes_table.rows(folders), right=scenes_table.NUMBERS)
    for line in scenes_table.of_pieces(folders):
        click.echo(line)


def _as_json(name: str, outcomes: Sequence[Outcome]) -> str:
    from lprnet.evaluation.evaluate import accuracy, by_province, calibration_error, confusions, reliability

    bins = reliability(outcomes)
    return json.dumps(
        {
            "dataset": name,
            **msgspec.to_builtins(accuracy(outcomes)),
            "provinces": msgspec.to_builtins(by_province(outcomes)),
            "confusions": [[a, b, n] for (a, b), n in confusions(outcomes).most_common()],
            "reliability": bins,
            "calibration_error": calibration_error(bins),
        },
        ensure_ascii=False,
    )


def _print_tables(outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """What was misread in each data set, then a line on every one."""
    from lprnet.evaluation.evaluate import accuracy, by_province, calibration_error, confusions, reliability

    summary = []
    for name, results in outcomes.items():
        provinces = by_province(results).items()
        table(
            (name, "right", "n"),
            [(first, str(part.correct), str(part.n)) for first, part in provinces],
            right={"right", "n"},
        )
        click.echo()
        common = confusions(results).most_common(SHOWN)
        if common:
            table(("written", "read", "times"), [(a, b, str(n)) for (a, b), n in common], right={"times"})
            click.echo()
        bins = reliability(results)
        table(
            ("confidence", "read right", "n"),
            [(f"{b.confidence:.2f}", f"{b.right:.2f}", str(b.n)) for b in bins],
            right={"confidence", "read right", "n"},
        )
        click.echo()
        whole = accuracy(results)
        shares = whole.accuracy, whole.accuracy_without_province
        figures = f"{whole.correct}", f"{whole.n}", *(f"{share:.4f}" for share in shares)
        summary.append((name, *figures, f"{calibration_error(bins):.3f}"))
    figures = ("right", "n", "accuracy", "without province", "calibration error")
    table(("data set", *figures), summary, right=figures)
