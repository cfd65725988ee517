"""`lpr-host eval`: how many plates a bundle finds and reads right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from host.commands import options
from lprnet.console import table

if TYPE_CHECKING:
    from host.check.accuracy import Evaluation
    from lprnet.evaluation.scenes_folder import Folder

WORST = 60
"""Missed plates, misread ones and false boxes on a sheet, at most."""


@click.command("eval")
@click.option("--bundle", required=True, type=options.FOLDER, help="Bundle to run on this machine.")
@options.data()
@click.option(
    "--scenes",
    multiple=True,
    type=options.FOLDER,
    help="Folder of photographs with labels.jsonl or CCPD's file names; repeatable.",
)
@click.option(
    "--grammar/--no-grammar",
    default=None,
    help="Prefer likely texts that are plates; as the bundle says by default.",
)
@click.option(
    "--country",
    "countries",
    multiple=True,
    metavar="NAME",
    help="Whose plates the grammar is of, e.g. br, or a file; repeatable; all that can be read by default.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="P",
    help="Lowest score of a plate on a photograph; the bundle's by default.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Lowest confidence of a reading on a photograph; the bundle's by default.",
)
@click.option("--locate-size", type=click.IntRange(64, 10_000), metavar="PX", help="As of lpr-run.")
@click.option("--min-plate-width", type=click.IntRange(4, 10_000), metavar="PX", help="As of lpr-run.")
@click.option(
    "--pieces",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Read N plate-shaped pieces of each photograph, too, that show no plate.",
)
@click.option("--worst", type=options.FILE, help="PNG of plates missed or misread, and of false boxes.")
@click.option(
    "--cases", type=options.FILE, help="JSON of the same and of misread --data, for lpr-host report --cases."
)
@click.option("--record", is_flag=True, help="Write the accuracy on --data into the bundle's manifest.")
@options.as_json
def eval_command(
    bundle: Path,
    data: tuple[Path, ...],
    scenes: tuple[Path, ...],
    grammar: bool | None,
    countries: tuple[str, ...],
    threshold: float | None,
    min_confidence: float | None,
    locate_size: int | None,
    min_plate_width: int | None,
    pieces: int,
    worst: Path | None,
    cases: Path | None,
    record: bool,
    as_json: bool,
) -> None:
    """Run a bundle over labelled images, batch 1, and count what it finds and reads right.

    --data are crops that a plate fills; --scenes are photographs on which plates are looked for.
    """
    if not data and not scenes:
        raise FatalError("images to read", "none given", "give --data or --scenes")
    about_scenes = {
        "--threshold": threshold,
        "--min-confidence": min_confidence,
        "--locate-size": locate_size,
        "--min-plate-width": min_plate_width,
        "--pieces": pieces or None,
        "--worst": worst,
    }
    if not scenes and (given := [name for name, value in about_scenes.items() if value is not None]):
        raise FatalError(given[0], "is about photographs", "give --scenes, or leave it out")
    if record and not data:
        raise FatalError("--record", "is about crops", "give --data, or leave it out")
    from device_runtime.files import write_atomic
    from host.check.accuracy import evaluate, record_accuracy, to_json
    from host.check.scenes import open_reader
    from lprnet.evaluation.scenes_folder import read_folder
    from lprnet.evaluation.scenes_sheet import worst as sheet
    from lprnet.evaluation.scenes_table import to_json as folder_to_json
    from lprnet.evaluation.sheet import png

    results = [evaluate(bundle, folder, grammar, countries) for folder in data]
    folders: list[Folder] = []
    if scenes:
        reader = open_reader(
            bundle,
            grammar,
            threshold,
            min_confidence,
            locate_size,
            min_plate_width,
            countries,
        )
        folders = [read_folder(reader, folder, pieces) for folder in scenes]
    if record:
        record_accuracy(bundle, results)
    if worst:
        write_atomic(worst, png(sheet([outcome for folder in folders for outcome in folder.outcomes], WORST)))
    if cases:
        from host.check.cases import cases_of
        from host.show.cases import CASES

        CASES.write(cases, cases_of(bundle, results, folders, WORST))
    if as_json:
        click.echo("\n".join([*map(to_json, results), *map(folder_to_json, folders)]))
    else:
        _print(results, folders)


def _print(results: list[Evaluation], folders: list[Folder]) -> None:
    from lprnet.evaluation.scenes_table import HEADINGS, NUMBERS, of_pieces, rows

    if results:
        headings = ("data set", "n", "right", "accuracy", "without province")
        lines = [
            (
                info.dataset,
                str(info.n),
                str(info.correct),
                f"{info.accuracy:.3f}",
                f"{info.accuracy_without_province:.3f}",
            )
            for info in (result.info for result in results)
        ]
        table(headings, lines, right=headings[1:])
    if results and folders:
        click.echo()
    if folders:
        table(HEADINGS, rows(folders), right=NUMBERS)
    for line in of_pieces(folders):
        click.echo(line)
