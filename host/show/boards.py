"""Boards as rows of a table, and which bundles they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

from markupsafe import Markup

from device_runtime.report.health import Health
from host.show.condition import Condition
from host.show.duration import duration
from host.show.markup import html
from host.show.table import Cell, Table

HEADINGS = (
    *("board", "state", "last heard of", "bundle", "frames", "dropped", "reconnects", "°C"),
    *("memory left, MiB", "version"),
)
_NAMED = 3
"""Boards whose names a row of bundles has."""


def board_table(rows: Sequence[Sequence[Cell]]) -> Table:
    """Boards and their health, of rows that `board_row` made."""
    return Table(
        caption="Boards and how they are doing, worst first",
        headings=HEADINGS,
        rows=rows,
        words=frozenset({1, 2, 3, 9}),
    )


def board_row(
    name: Cell, health: Health | None, condition: Condition, heard: datetime | None, now: datetime
) -> tuple[Cell, ...]:
    """What a table says of a board that was last heard of at *heard*."""
    state = html('<span class="state {}">{}</span>', condition.state, condition.words) + troubles_of(
        condition, now
    )
    if health is None:
        return (name, state, _heard(heard, now), *["–"] * (len(HEADINGS) - 3))
    machine, source = health.machine, health.source
    dropped = (source.dropped if source else 0) + sum(
        sum(d.dropped.values()) for d in health.delivery.values()
    )
    return (
        name,
        state,
        _heard(heard, now),
        f"{health.bundle.target} {health.bundle.precision} {health.bundle.manifest_sha256[:8]}",
        f"{health.frames:,}",
        f"{dropped:,}",
        "–" if source is None else f"{source.reconnects:,}",
        "–" if machine.temperature_c is None else f"{machine.temperature_c:.0f}",
        "–" if machine.available_mb is None else f"{machine.available_mb:,}",
        health.lpr_run,
    )


def troubles_of(condition: Condition, now: datetime) -> Markup:
    """What is wrong, since when, and what to do, as a list; empty where nothing is."""
    entries = [
        html("<li>{}<small>{}</small></li>", one.what, "; ".join(filter(None, (one.begun(now), one.todo))))
        for one in condition.troubles
    ]
    return html('<ul class="troubles">{}</ul>', Markup("").join(entries)) if entries else Markup("")


def bundle_table(running: Iterable[tuple[str, Health]]) -> Table:
    """How many boards run which bundle, of each board's name and last health report; the most first."""
    boards: dict[tuple[str, str, str, str], list[str]] = {}
    for name, health in running:
        bundle = health.bundle
        key = (bundle.manifest_sha256[:12], bundle.target, bundle.precision, health.lpr_run)
        boards.setdefault(key, []).append(name)
    return Table(
        caption="Bundles and the boards that run them",
        headings=("bundle", "target", "precision", "lpr-run", "boards", "which"),
        rows=[
            (*key, f"{len(names):,}", _some(names))
            for key, names in sorted(boards.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        ],
        words=frozenset({1, 2, 3, 5}),
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _heard(heard: datetime | None, now: datetime) -> Cell:
    if heard is None:
        return "never"
    when = heard.astimezone(timezone.utc)
    ago = f"{duration((now - heard).total_seconds())} ago" if heard < now else ""
    return html('{} <small class="time">{} UTC</small>', ago, f"{when:%Y-%m-%d %H:%M:%S}")
