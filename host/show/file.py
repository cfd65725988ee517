"""Reports and what belongs to them as one HTML file: no request goes out from it.

Its policy (Content-Security-Policy) lets only what stands in it be used, by hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from device_runtime import __version__
from device_runtime.report.health import Health
from device_runtime.report.report import Report
from host.show import accuracy, assets, trend
from host.show import cases as wrong
from host.show.benchmarks import benchmark_sections, headline
from host.show.boards import board_row, board_table
from host.show.condition import RECENT, condition, dated
from host.show.details import details
from host.show.items import Items
from host.show.items import pictures as event_pictures
from host.show.moments import moments
from host.show.pictures import Picture
from host.show.section import Part, Section
from host.show.seen import direction_of, others_of, plate_of, stamp, sure_of
from host.show.series import names, ordered
from host.show.table import Table
from host.show.templates import render as fill

MOST_BOARDS = 6
"""Whose trends are drawn."""
MOST_CASES = 24
MOST_CROPS = 24
MOST_EVENTS = 200


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
        {
            "title": "Plate reading on boards",
            "subtitle": f"{len(reports)} report{'s' if len(reports) > 1 else ''}, the latest of {newest}",
            "policy": "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src '{assets.integrity(style.encode())}'; "
            f"script-src '{assets.integrity(script.encode())}'",
            "style": Markup(style),
            "script": Markup(script),
            "tiles": headline(reports, labels),
            "sections": list(_sections(contents, reports, labels)),
            "made_by": f"Made by lpr-host {__version__}. Charts: uPlot, © Leon Sorokin, MIT licence.",
        },
    )


def _sections(contents: Contents, reports: Sequence[Report], labels: Sequence[str]) -> Iterable[Section]:
    if contents.pictures:
        yield Section(
            name="found",
            title="What was found",
            words="Each plate's outline and what was read on it.",
            pictures=contents.pictures,
        )
    yield from benchmark_sections(reports, labels, contents.scores)
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
    boards: dict[str, list[Health]] = {}
    for each in items:
        for name, reports in each.health.items():
            boards.setdefault(name, []).extend(reports)
    if not boards:
        return
    found = []
    for name, reports in boards.items():
        history = sorted(((one.created_at, one) for one in reports), key=lambda pair: pair[0])
        at, last = history[-1]
        before = [one for when, one in history[:-1] if when <= at - RECENT or when == history[0][0]]
        # As of its own last report: when the file is looked at is no news of the board.
        how = condition(last, at, at, before[-1] if before else None)
        found.append((name, at, last, dated(how, history)))
    found.sort(key=lambda one: (one[3].rank, one[0]))
    charts = [
        chart
        for name, *_ in found[:MOST_BOARDS]
        for chart in trend.trend(moments(boards[name]), _slug(name), name if len(boards) > 1 else "")
    ]
    more = f" Drawn are the first {MOST_BOARDS} of {len(boards)}." if len(boards) > MOST_BOARDS else ""
    yield Section(
        name="boards",
        title="Boards over time",
        words=f"As of each board's last health report.{more}",
        tables=[board_table([board_row(name, last, how, at, at) for name, at, last, how in found])],
        charts=charts,
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
                                sure_of(event),
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


def _slug(name: str) -> str:
    # A board may have any name; an id may not.
    return f"board-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
