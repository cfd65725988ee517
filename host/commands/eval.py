"""`lpr-host eval`: how many plates a bundle reads right."""

from __future__ import annotations

from pathlib import Path

import click

from host.commands import options
from lprnet.console import table


@click.command("eval")
@click.option("--bundle", required=True, type=options.FOLDER, help="Bundle to run on this machine.")
@options.data(required=True)
@click.option("--grammar/--no-grammar", default=False, help="Prefer likely texts that are plates.")
@click.option("--record", is_flag=True, help="Write the accuracy into the bundle's manifest.")
@options.as_json
def eval_command(bundle: Path, data: tuple[Path, ...], grammar: bool, record: bool, as_json: bool) -> None:
    """Run a bundle over labelled images, batch 1, and print how many plates it reads right."""
    from host.check.accuracy import evaluate, record_accuracy, to_json

    results = [evaluate(bundle, folder, grammar) for folder in data]
    if record:
        record_accuracy(bundle, results)
    if as_json:
        click.echo("\n".join(map(to_json, results)))
        return
    headings = ("data set", "n", "right", "accuracy", "without province")
    rows = [
        (
            info.dataset,
            str(info.n),
            str(info.correct),
            f"{info.accuracy:.3f}",
            f"{info.accuracy_without_province:.3f}",
        )
        for info in (result.info for result in results)
    ]
    table(headings, rows, right=headings[1:])
