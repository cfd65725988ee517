"""`lpr-host events`: what is kept of passages, given out or deleted on request."""

from __future__ import annotations

from pathlib import Path

import click

from device_runtime.console import OneLineGroup
from host.commands import options

DISTANCE = click.option(
    "--distance",
    type=float,
    help="Also plates that look so near, 0 to 1.5: 0 takes look-alikes such as 8 and B for equal.",
)


@click.group("events", cls=OneLineGroup)
def events_command() -> None:
    """Give out or delete the events that a collector keeps: plates are personal data."""


@events_command.command("export")
@click.option("--plate", metavar="TEXT", help="Of this plate alone; with a * at one end, all that fit.")
@DISTANCE
@click.option("--board", metavar="NAME", help="Of this board alone.")
@options.output("Folder that gets events.jsonl and crops/", options.FOLDER, required=True)
@options.db
def export_command(
    plate: str | None, distance: float | None, board: str | None, output: Path, db: str
) -> None:
    """Write events and the pictures of their plates into a folder."""
    from host.store.export import EVENTS, export
    from host.store.store import open_store
    from host.store.values import Search

    with open_store(db) as store:
        found = export(store, Search(plate=plate, distance=distance, board=board), output)
    click.echo(f"{output / EVENTS}: events: {found.events}, pictures: {found.crops}")


@events_command.command("erase")
@click.option("--plate", metavar="TEXT", required=True, help="The plate.")
@DISTANCE
@options.db
def erase_command(plate: str, distance: float | None, db: str) -> None:
    """Delete all events of a plate with their pictures.

    Backups are not touched, nor is what boards still hold.
    """
    from device_runtime.console import one_line
    from host.store.store import open_store

    with open_store(db) as store:
        erased = store.erase(plate, distance)
    texts = ", ".join(map(one_line, erased.plates)) or "no such plate"
    click.echo(f"{texts}: events erased: {erased.events}, pictures: {erased.crops}")
