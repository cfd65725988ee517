"""`lpr-host bench-store`: how fast the collector's database is on this machine."""

from __future__ import annotations

import click

from host.commands import options
from lprnet.console import table


@click.command("bench-store")
@options.db
@click.option(
    "--items",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Events to store before the queries.",
)
@click.option("--filled", is_flag=True, help="Ask only: an earlier run has filled the database.")
def bench_store_command(db: str, items: int, filled: bool) -> None:
    """Fill an empty database with made-up events and time what the collector and its pages ask of it.

    A million takes some 1.3 GB and some minutes. What was stored stays there: drop it afterwards.
    """
    from host.bench.fleet.database import Measured, ask, fill
    from host.store.store import open_store

    measured: list[Measured] = []
    with open_store(db) as store:
        if not filled:
            measured.append(fill(store, items))
        measured += ask(store)
    rows = [
        (
            one.what,
            "" if one.rate is None else f"{one.rate:.0f}",
            *("" if ms is None else f"{ms:.1f}" for ms in (one.median, one.worst)),
        )
        for one in measured
    ]
    headings = ("", "items/s", "median ms", "worst ms")
    table(headings, rows, right=set(headings[1:]))
