"""`lpr-host report`: reports of boards → one page, and a table."""

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
def report_command(paths: tuple[Path, ...], html: Path, pictures: Path | None) -> None:
    """Compare reports that boards made with lpr-run --report."""
    from device_runtime.files import write_atomic
    from device_runtime.report.report import REPORT
    from host.report.gallery import read_pictures
    from host.report.page import render
    from host.report.text import HEADINGS, NUMBERS, rows

    reports = [REPORT.read(path) for path in paths]
    write_atomic(html, render(reports, read_pictures(pictures) if pictures else ()).encode())
    table(HEADINGS, rows(reports), right=NUMBERS)
    click.echo(f"page: {html}")
