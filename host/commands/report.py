"""`lpr-host report`: reports of boards, and what belongs to them → one page, and a table."""

from __future__ import annotations

from pathlib import Path

import click

from host.commands import options
from lprnet.console import table


@click.command("report")
@click.argument("paths", nargs=-1, required=True, type=options.FILE, metavar="REPORT...")
@click.option(
    "--html", type=options.FILE, default=Path("build/report.html"), show_default=True, help="Page to write."
)
@click.option(
    "--pictures",
    type=options.FOLDER,
    help="Folder that lpr-run --save-annotated filled, for the page.",
)
@click.option(
    "--items",
    multiple=True,
    type=options.FILE,
    help="Events and health reports, as lpr-run --events file:PATH or a collector writes them; repeatable.",
)
@click.option("--crops", type=options.FOLDER, help="Folder that lpr-run --save-crops filled, for --items.")
@click.option(
    "--accuracy", multiple=True, type=options.FILE, help="What lpr-host eval --json printed; repeatable."
)
@click.option(
    "--cases", multiple=True, type=options.FILE, help="What lpr-host eval --cases wrote; repeatable."
)
def report_command(
    paths: tuple[Path, ...],
    html: Path,
    pictures: Path | None,
    items: tuple[Path, ...],
    crops: Path | None,
    accuracy: tuple[Path, ...],
    cases: tuple[Path, ...],
) -> None:
    """Show reports that boards made with lpr-run --report, side by side."""
    from device_runtime.errors import FatalError
    from device_runtime.files import write_atomic
    from device_runtime.report.report import REPORT
    from host.show.accuracy import read_evaluation
    from host.show.cases import CASES
    from host.show.file import Contents, render
    from host.show.items import read_items
    from host.show.pictures import read_pictures
    from host.show.text import HEADINGS, NUMBERS, rows

    if crops and not items:
        raise FatalError("--crops", "is about events", "give --items, or leave it out")
    contents = Contents(
        reports=[REPORT.read(path) for path in paths],
        pictures=read_pictures(pictures) if pictures else (),
        items=[read_items(path, crops) for path in items],
        scores=[score for path in accuracy for score in read_evaluation(path)],
        cases=[CASES.read(path) for path in cases],
    )
    write_atomic(html, render(contents).encode())
    table(HEADINGS, rows(contents.reports), right=NUMBERS)
    click.echo(f"page: {html}")
