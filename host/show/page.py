"""Reports and what belongs to them as one HTML file: no request goes out from it.

Its policy (Content-Security-Policy) lets only what stands in it be used, by hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from markupsafe import Markup

from device_runtime import __version__
from device_runtime.report.health import Health
from device_runtime.report.report import Report
from host.show import accuracy, assets, changes, fleet, latency, size, trend
from host.show import cases as wrong
from host.show.chart import Chart
from host.show.items import Items
from host.show.items import pictures as event_pictures
from host.show.markup import html
from host.show.pictures import Picture
from host.show.seen import direction_of, others_of, plate_of, stamp
from host.show.series import board_name, names, ordered
from host.show.table import Cell, Table
from host.show.templates import render as fill

MOST_BOARDS = 6
"""Whose trends are drawn."""
MOST_CASES = 24
MOST_CROPS = 24
MOST_EVENTS = 200


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number that matters, large."""

    what: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is folded away."""

    title: str
    tables: Sequence[Table]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands below it, in this order."""

    name: str
    title: str
    words: str = ""
    tiles: Sequence[Tile] = ()
    legend: Sequence[tuple[int, str]] = ()
    pictures: Sequence[Picture] = ()
    small: bool = False
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    changes: Sequence[changes.Change] = ()
    parts: Sequence[Part] = ()


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the file shows.

    Attributes:
        reports: at least one.
        pictures: with the plates that were found.
        items: what boards sent beside.
        scores: of evaluations.
        cases: that these got wrong.
    """

    reports: Sequence[Report]
    pictures: Sequence[Picture] = ()
    items: Sequence[Items] = ()
    scores: Sequence[accuracy.Score] = ()
    cases: Sequence[wrong.Cases] = ()


def render(contents: Contents) -> str:
    """The file's text, for light and dark screens, phones and paper."""
    reports = ordered(contents.reports)
    labels = names(reports)
    style = "".join(assets.text(name) for name in assets.STYLES)
    script = "".join(assets.text(name) for name in assets.SCRIPTS)
    newest = max(report.created_at for report in reports)
    return fill(
        "file.html",
        title="Plate reading on boards",
        subtitle=f"{len(reports)} report{'s' if len(reports) > 1 else ''}, the latest of {newest}",
        policy="default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{assets.integrity(style.encode())}'; script-src '{assets.integrity(script.encode())}'",
        style=Markup(style),
        script=Markup(script),
        tiles=headline(reports, labels),
        sections=[section for section in _sections(contents, reports, labels) if section is not None],
        made_by=f"Made by lpr-host {__version__}. Charts: uPlot, © Leon Sorokin, MIT licence.",
    )


def benchmark_sections(reports: Sequence[Report], labels: Sequence[str]) -> list[Section | None]:
    """Runs, latency, size against speed, what changed; of reports in the order of `ordered`."""
    stages = [report.stages for report in reports]
    shown = latency.stages_of(stages)
    bundles = size.sized(reports, labels)
    differing = len({(bundle.model_bytes, bundle.infer_ms) for bundle in bundles}) > 1
    changed = changes.changes(reports)
    return [
        Section(
            name="runs",
            title="Runs",
            words="Milliseconds from reading the image to the texts of all plates on it, one frame at a "
            "time; fastest first.",
            tables=[_summary(reports, labels)],
        ),
        Section(
            name="latency",
            title="Latency of every stage",
            charts=[latency.boxes("stages", "Stages of a frame", stages, labels)],
        ),
        Section(
            name="steadiness",
            title="How steady it is",
            words="Time within which a share of the frames is done, the slowest stretched out. A "
            "flat line is a steady stage. Each time axis is logarithmic and its own.",
            legend=list(enumerate(labels)) if len(labels) > 1 else (),
            charts=[
                latency.curves(f"curve-{i}", stage, stages, labels)
                for i, stage in enumerate(sorted(shown, key=lambda stage: stage != "total"))
            ],
        ),
        Section(name="sizes", title="Size against speed", charts=[size.pareto(bundles)])
        if differing
        else None,
        Section(
            name="changes",
            title="What changed since the last bundle",
            words="The latest run of each board beside its latest with another bundle. Two runs of the same "
            "bundle differ by some per cent, too; lpr-host compare says what is more than chance.",
            changes=changed,
        )
        if changed
        else None,
    ]


def headline(reports: Sequence[Report], labels: Sequence[str]) -> list[Tile]:
    """What matters most, of reports in the order of `ordered`."""
    best, label = reports[0], labels[0]
    total = best.stages["total"]
    tiles = [
        Tile(what="fastest median", value=f"{total.p50_ms:.2f} ms", note=label),
        Tile(what="its 99th percentile", value=f"{total.p99_ms:.2f} ms", note=f"of {total.n} frames"),
        Tile(
            what="its throughput", value=f"{best.throughput:.0f} /s", note="wall clock, one frame at a time"
        ),
    ]
    scored = [(r.accuracy, name) for r, name in zip(reports, labels, strict=True) if r.accuracy]
    if scored:
        found, name = max(scored, key=lambda pair: pair[0].accuracy)
        tiles.append(
            Tile(
                what="best accuracy",
                value=f"{found.accuracy:.1%}",
                note=f"{found.correct} of {found.n}, {name}",
            )
        )
    return tiles


def details(report: Report, label: str) -> Part:
    """Board, bundle, settings and stages of a run."""
    return Part(
        title=label,
        tables=[
            Table(
                caption="Board, bundle and run",
                headings=("what", "value"),
                rows=_facts(report),
                words=frozenset({1}),
            ),
            latency.stage_table("Stages, milliseconds", [report.stages], [label]),
        ],
    )


def doubts(report: Report) -> str:
    """What makes its timings doubtful; empty where nothing does."""
    board = report.board
    found: Iterable[str | None] = (
        f"throttling: {board.throttling}" if board.throttling not in (None, "none") else None,
        f"governor {board.governor}" if board.governor in ("powersave", "ondemand", "schedutil") else None,
        f"only {report.run.n} frames" if report.run.n < 100 else None,
        f"{report.run.unreadable} unreadable" if report.run.unreadable else None,
    )
    return "; ".join(filter(None, found))


def _sections(
    contents: Contents, reports: Sequence[Report], labels: Sequence[str]
) -> Iterable[Section | None]:
    if contents.pictures:
        yield Section(
            name="found",
            title="What was found",
            words="Each plate's outline and what was read on it.",
            pictures=contents.pictures,
        )
    yield from benchmark_sections(reports, labels)
    scores = [*accuracy.of_reports(reports, labels), *contents.scores]
    if scores:
        yield Section(name="accuracy-section", title="Accuracy", charts=[accuracy.chart(scores)])
    yield from _cases(contents.cases)
    yield from _boards(contents.items)
    yield from _events(contents.items)
    yield Section(
        name="details",
        title="Boards and bundles",
        parts=[details(report, label) for report, label in zip(reports, labels, strict=True)],
    )


def _cases(found: Sequence[wrong.Cases]) -> Iterable[Section]:
    if any(each.cases for each in found):
        share = max(MOST_CASES // len(found), 1)
        counts = wrong.by_fault(found)
        yield Section(
            name="worst",
            title="Worst cases",
            words=f"Plates not found: {counts.get('missed', 0)}, read wrong: {counts.get('misread', 0)}, "
            f"found where no label is: {counts.get('false', 0)}. In bold is what was read.",
            pictures=[picture for each in found for picture in wrong.pictures(each, share)],
            small=True,
        )


def _boards(items: Sequence[Items]) -> Iterable[Section]:
    boards = {name: reports for each in items for name, reports in each.health.items()}
    if not boards:
        return
    rows = []
    for name, reports in boards.items():
        last = max(reports, key=lambda health: health.created_at)
        # As of its own last report: when the file is looked at is no news of the board.
        condition = fleet.condition(last, last.created_at, last.created_at)
        rows.append(board_row(name, last, condition, last.created_at))
    charts = [
        chart
        for name, reports in list(boards.items())[:MOST_BOARDS]
        for chart in trend.trend(fleet.moments(reports), _slug(name), name if len(boards) > 1 else "")
    ]
    yield Section(
        name="boards",
        title="Boards over time",
        words="As of each board's last health report.",
        tables=[board_table(rows)],
        charts=charts,
    )


BOARD_HEADINGS = (
    *("board", "state", "last seen, UTC", "bundle", "frames", "dropped", "reconnects", "°C", "throttling"),
    *("memory left, MiB", "version"),
)


def board_table(rows: Sequence[Sequence[Cell]]) -> Table:
    """Boards and their health, of rows that `board_row` made."""
    return Table(
        caption="Boards and how they are doing",
        headings=BOARD_HEADINGS,
        rows=rows,
        words=frozenset({1, 2, 3, 8, 10}),
    )


def board_row(
    name: Cell, health: Health | None, condition: fleet.Condition, seen: datetime | None
) -> tuple[Cell, ...]:
    """What a table says of a board."""
    state = html('<span class="state {}">{}</span>', condition.state, condition.words)
    if condition.reasons:
        state += html("<small>{}</small>", "; ".join(condition.reasons))
    when = "never" if seen is None else f"{seen.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"
    if health is None:
        return (name, state, when, *["–"] * 8)
    machine, source = health.machine, health.source
    dropped = (source.dropped if source else 0) + sum(
        sum(d.dropped.values()) for d in health.delivery.values()
    )
    return (
        name,
        state,
        when,
        f"{health.bundle.target} {health.bundle.precision} {health.bundle.manifest_sha256[:8]}",
        f"{health.frames:,}",
        f"{dropped:,}",
        "–" if source is None else f"{source.reconnects:,}",
        "–" if machine.temperature_c is None else f"{machine.temperature_c:.0f}",
        machine.throttling or "–",
        "–" if machine.available_mb is None else f"{machine.available_mb:,}",
        health.lpr_run,
    )


def _events(items: Sequence[Items]) -> Iterable[Section]:
    events = [pair for each in items for pair in each.events]
    if not events:
        return
    newest = sorted((event for event, _ in events), key=lambda event: event.first_seen, reverse=True)
    shown = f", the newest {MOST_EVENTS} of {len(newest)}" if len(newest) > MOST_EVENTS else ""
    yield Section(
        name="events",
        title="Events",
        words=f"{len(newest)} passages, newest first.",
        pictures=event_pictures(events, MOST_CROPS),
        small=True,
        parts=[
            Part(
                title=f"All events{shown}",
                tables=[
                    Table(
                        caption=f"Events{shown}",
                        headings=("plate", "confidence", "readings", "seen, UTC", "direction", "also read"),
                        rows=[
                            (
                                plate_of(event),
                                f"{event.confidence:.1%}",
                                f"{event.readings}",
                                stamp(event.first_seen).removesuffix(" UTC"),
                                direction_of(event.direction),
                                others_of(event),
                            )
                            for event in newest[:MOST_EVENTS]
                        ],
                        words=frozenset({3, 4, 5}),
                    )
                ],
            )
        ],
    )


def _summary(reports: Sequence[Report], labels: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for report, label in zip(reports, labels, strict=True):
        total, found, doubt = report.stages["total"], report.accuracy, doubts(report)
        infer = report.stages.get("infer")
        rows.append(
            (
                html('{}<span class="doubt">{}</span>', label, doubt) if doubt else label,
                f"{report.run.n}",
                f"{report.run.n if report.run.plates is None else report.run.plates}",
                f"{total.p50_ms:.2f}",
                f"{total.p90_ms:.2f}",
                f"{total.p99_ms:.2f}",
                "–" if infer is None else f"{infer.p50_ms:.2f}",
                f"{report.throughput:.1f}",
                "–" if report.peak_rss_mb is None else f"{report.peak_rss_mb:.0f}",
                "–" if found is None else f"{found.accuracy:.3f}",
                "–" if found is None else f"{found.accuracy_without_province:.3f}",
            )
        )
    return Table(
        caption="Runs; latencies in milliseconds",
        headings=(
            *(
                "run",
                "frames",
                "plates",
                "p50",
                "p90",
                "p99",
                "infer p50",
                "frames/s",
                "peak MiB",
                "accuracy",
            ),
            "without province",
        ),
        rows=rows,
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    board, bundle, run = report.board, report.bundle, report.run
    temperature = _unit(board.temperature_c, "°C")
    if report.temperature_before_c is not None:
        temperature = f"{_unit(report.temperature_before_c, '°C')} before, {temperature} after"
    frequency = f"{_unit(board.frequency_mhz, 'MHz')} of {_unit(board.max_frequency_mhz, 'MHz')}"
    warm_up = f"{report.warmup.n} inferences"
    if report.warmup.first_ms is not None and report.warmup.p50_ms is not None:
        warm_up += f", first {report.warmup.first_ms:.2f} ms, median {report.warmup.p50_ms:.2f} ms"
    return [
        ("board", board_name(report)),
        ("processor", f"{board.cpu or 'unknown'}, {board.arch or '?'}, {board.cores or '?'} cores"),
        ("cores that read", ", ".join(map(str, board.cores_used or ())) or "unknown"),
        ("governor, frequency", f"{board.governor or 'unknown'}, {frequency}"),
        ("temperature", temperature),
        ("throttling", board.throttling or "unknown"),
        ("memory", _unit(board.memory_mb, "MiB")),
        ("system", f"{board.os or 'unknown'}, {board.kernel or '?'}, Python {board.python or '?'}"),
        ("bundle", f"{bundle.display_name} ({bundle.target}), {bundle.precision}, {bundle.schedule}"),
        ("checkpoint", f"{bundle.checkpoint}, SHA-256 {bundle.checkpoint_sha256[:16]}…"),
        ("module", f"{bundle.model_bytes:,} bytes, SHA-256 {bundle.model_sha256[:16]}…, TVM {bundle.tvm}"),
        ("manifest", f"SHA-256 {bundle.manifest_sha256[:16]}…, by {bundle.created_by}"),
        (
            "run",
            f"{run.n} from {run.source}, {run.unreadable} unreadable, {run.threads} threads, "
            f"plate grammar {'on' if run.grammar else 'off'}",
        ),
        ("warm-up", warm_up),
        ("golden outputs", f"within {report.golden_difference:.2g}"),
        ("software", f"lpr-run {run.lpr_run}, NumPy {run.numpy}, OpenCV {run.opencv}"),
        ("measured", report.created_at),
    ]


def _unit(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:g} {unit}"


def _slug(name: str) -> str:
    # A board may have any name; an id may not.
    return f"board-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
