"""The page of one board: how it is doing, trends, latency, deliveries, its events and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from device_runtime.report.health import Health
from host.show import trend
from host.show.boards import troubles_of
from host.show.details import details
from host.show.duration import duration
from host.show.latency import spreads
from host.show.live.fleet import condition_of
from host.show.live.frame import Missing, Wrong, ago, board_address, query, respond, store_of, utc_now
from host.show.live.rows import newest_events
from host.show.moments import Moment, moments
from host.show.section import Section, Tile
from host.show.seen import stamp
from host.show.series import names, ordered
from host.show.table import Table
from host.store.store import Store
from host.store.values import Board, Search

RANGES = {
    "1h": ("hour", 3600),
    "24h": ("day", 86400),
    "7d": ("week", 7 * 86400),
    "30d": ("30 days", 30 * 86400),
}
"""What trends may cover: words, seconds."""
POINTS = 2000
"""Health reports of a trend, at most; of more every second, third … is left out."""
NEWEST = 12
"""Events."""
REPORTS = 24
"""Benchmarks."""
_READ = 20_000


def board(request: Request) -> Response:
    """`/boards/NAME`, with `range`, one of `RANGES`."""
    store, now, name = store_of(request), utc_now(), request.path_params["name"]
    found = store.board(name)
    if found is None:
        raise Missing(f"There is no board {name}.")
    chosen = request.query_params.get("range", "24h")
    if chosen not in RANGES:
        raise Wrong("The range is none of these: " + ", ".join(RANGES) + ".")
    words, seconds = RANGES[chosen]
    stored = store.health(name, now - timedelta(seconds=seconds), limit=_READ)
    shown = moments([one.health for one in stored])
    condition = condition_of(store, found, now)
    return respond(
        request,
        "live.html",
        title=name,
        condition=condition,
        troubles=troubles_of(condition, now),
        tiles=list(_tiles(found, now)),
        choices=[
            (text, query(board_address(name), range=key), key == chosen) for key, (text, _) in RANGES.items()
        ],
        choices_label="Time shown",
        sections=list(_sections(store, found, words, shown[:: -(-len(shown) // POINTS) or 1])),
        more=("All its events", query("/events", board=name)),
        live=True,
    )


def _sections(store: Store, found: Board, words: str, shown: list[Moment]) -> Iterable[Section]:
    last = found.health.health if found.health else None
    yield Section(
        name="trends",
        title=f"The last {words}",
        words=trend.switches(shown) if shown else "No health reports in this time.",
        charts=trend.trend(shown),
    )
    if last and any(spread.n for spread in last.stages.values()):
        yield Section(
            name="latency",
            title="Latency of every stage",
            words=f"Of the {duration(last.since_s)} before its last health report.",
            charts=[spreads("stages", last.stages)],
        )
    if last and last.delivery:
        yield Section(name="deliveries", title="Deliveries", tables=[_deliveries(last)])
    yield newest_events(store.events(Search(board=found.name), limit=NEWEST).rows)
    if own := store.reports(found.name, limit=REPORTS).rows:
        mine = ordered([one.report for one in own])
        yield Section(
            name="details",
            title="Its benchmarks",
            parts=[
                details(run, f"{label}, {run.created_at}")
                for run, label in zip(mine, names(mine), strict=True)
            ],
        )


def _deliveries(health: Health) -> Table:
    return Table(
        caption="What became of items, since the start of its run",
        headings=("to", "spooled", "acknowledged", "dropped", "refused", "damaged", "waited for the disk"),
        rows=[
            (
                to,
                f"{counts.spooled:,}",
                f"{counts.acknowledged:,}",
                f"{sum(counts.dropped.values()):,}",
                f"{counts.refused:,}",
                f"{counts.damaged:,}",
                f"{counts.waited:,}",
            )
            for to, counts in health.delivery.items()
        ],
    )


def _tiles(found: Board, now: datetime) -> Iterable[Tile]:
    heard = found.last_received_at
    yield Tile(what="last heard of", value=ago(heard, now), note="" if heard is None else stamp(heard))
    if found.health is None:
        return
    health = found.health.health
    machine, source = health.machine, health.source
    yield Tile(
        what="bundle",
        value=f"{health.bundle.target} {health.bundle.precision}",
        note=f"{health.bundle.manifest_sha256[:12]}, lpr-run {health.lpr_run}",
    )
    if machine.temperature_c is not None:
        yield Tile(
            what="temperature",
            value=f"{machine.temperature_c:.0f} °C",
            note=f"throttling: {machine.throttling or 'unknown'}",
        )
    if machine.available_mb is not None:
        yield Tile(
            what="memory left",
            value=f"{machine.available_mb:,} MiB",
            note=f"{machine.rss_mb or 0:,} MiB of the program",
        )
    yield Tile(what="frames", value=f"{health.frames:,}", note=f"in {duration(health.uptime_s)}")
    if source is not None:
        state = "away now" if source.lost else "there"
        yield Tile(
            what="frames that went by",
            value=f"{source.dropped:,}",
            note=f"camera {state}, back {source.reconnects}×, away for {duration(source.lost_s)}",
        )
    behind = found.health.behind.total_seconds()
    apart = f"{duration(abs(behind))} {'behind' if behind >= 0 else 'ahead'}"
    note = f"{'set by a time server' if health.clock_synchronized else 'not set'}; beside ours, with delivery"
    yield Tile(what="its clock", value=apart, note=note)
