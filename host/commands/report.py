from __future__ import annotations

from pathlib import Path

import click

from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.report import report as device_report
from host.report import render, table


@click.command("report")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="REPORT...")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("build/report.html"),
    show_default=True,
    help="Page to write.",
)
@one_line_errors
def report(paths: tuple[Path, ...], html: Path) -> None:
    """Compare reports that boards made with lpr-run --report."""
    if not paths:
        raise FatalError(
            "lpr-host report", "is given no reports", "name the JSON files lpr-run --report wrote"
        )
    reports = [device_report.read(path) for path in paths]
    write_atomic(html, render(reports).encode())
    click.echo(table(reports))
    click.echo(f"page: {html}")
