"""`lpr-host eval`."""

from __future__ import annotations

from pathlib import Path

import click

from device_runtime.console import one_line_errors
from host.commands.options import FOLDER


@click.command("eval")
@click.option("--bundle", required=True, type=FOLDER, help="Bundle to run on this machine.")
@click.option("--data", required=True, multiple=True, type=FOLDER, help="Images named by plate; repeatable.")
@click.option("--grammar/--no-grammar", default=False, help="Prefer likely texts that are plates.")
@click.option("--record", is_flag=True, help="Write the accuracy into the bundle's manifest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a data set.")
@one_line_errors
def eval_command(bundle: Path, data: tuple[Path, ...], grammar: bool, record: bool, as_json: bool) -> None:
    """Run a bundle over labelled images, batch 1, and print how many plates it reads right."""
    from host.check.accuracy import evaluate, record_accuracy, table, to_json

    results = [evaluate(bundle, folder, grammar) for folder in data]
    if record:
        record_accuracy(bundle, results)
    click.echo("\n".join(map(to_json, results)) if as_json else table(results))
