"""The collector's pages: routes of Starlette, read from the store at `request.app.state.store`.

    /                     how the fleet does: boards, a page at a time, and the newest events
    /boards/NAME          a board: trends, latency, deliveries, its events
    /events               events, searched by plate and how it looks, a page at a time
    /events/ID            one event with its picture, and plates that look alike
    /benchmarks           reports side by side, as `lpr-host report` shows them
    /crops/ID.jpg         a picture of a plate
    /updates              server-sent events: that something new was stored
    /static/…             style and scripts

Nothing on a page runs or is fetched but what these routes serve (Content-Security-Policy), and no browser
keeps a page: plates are personal data. A page that shows what is newest is asked for again by live.js when
`/updates` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from device_runtime.errors import FatalError
from device_runtime.follow.look_alike import distance
from device_runtime.report.health import Health
from device_runtime.report.report import Report
from host.show import assets, fleet, trend
from host.show.latency import spreads
from host.show.markup import html
from host.show.page import Section, Tile, benchmark_sections, board_row, board_table, details
from host.show.pictures import Picture
from host.show.seen import direction_of, others_of, plate_of, sentence, stamp
from host.show.series import names, ordered
from host.show.table import Cell, Table
from host.show.templates import render
from host.show.updates import Updates
from host.store.faults import Unavailable
from host.store.store import Store
from host.store.values import Board, Search, StoredEvent

BOARDS = 50
EVENTS = 50
"""A page."""
NEWEST = 12
"""Pictures of events, on the first page and a board's."""
REPORTS = 24
"""Benchmark reports side by side."""
ALIKE = 20
"""Events of plates that look like one."""

RANGES = {
    "1h": ("hour", 3600),
    "24h": ("day", 86400),
    "7d": ("week", 7 * 86400),
    "30d": ("30 days", 30 * 86400),
}
"""What a board's trends may cover: words, seconds."""
POINTS = 2000
"""Health reports of a trend, at most; of more every second, third … is left out."""
_READ = 20_000

DISTANCES = (
    ("", "exactly"),
    ("0", "or a look-alike"),
    ("0.5", "within ½"),
    ("1", "within 1"),
    ("1.5", "within 1½"),
)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Page = Callable[[Request], Response]


def routes() -> list[BaseRoute]:
    """All pages, for `host.collect.app.create_app`."""
    pages: dict[str, Page] = {
        "/": overview,
        "/boards/{name:path}": board,
        "/events": events,
        "/events/{row:int}": event,
        "/benchmarks": benchmarks,
        "/crops/{row:int}.jpg": crop,
        "/static/{version}/{name:path}": static,
    }
    return [
        Route("/updates", Updates().tell, methods=["GET"]),
        *(Route(path, _answering(page), methods=["GET"]) for path, page in pages.items()),
        Route("/{rest:path}", _answering(_missing)),
    ]


def overview(request: Request) -> Response:
    """The fleet."""
    store, now = _store(request), _now()
    after = request.query_params.get("after", "")
    boards = store.boards(after, BOARDS + 1)
    shown = boards[:BOARDS]
    latest = store.events(limit=NEWEST).rows
    conditions = [condition_of(each, now) for each in shown]
    table = board_table(
        [
            board_row(
                html('<a href="{}">{}</a>', board_address(each.name), each.name),
                each.health.health if each.health else None,
                condition,
                each.last_received_at,
            )
            for each, condition in zip(shown, conditions, strict=True)
        ]
    )
    trouble = sum(one.state in ("bad", "doubtful", "silent") for one in conditions)
    some = "of these boards" if after or len(boards) > BOARDS else "of all boards"
    return _page(
        request,
        "live.html",
        title="Boards",
        tiles=[
            Tile(
                what="boards", value=f"{len(shown)}{'+' if len(boards) > BOARDS else ''}", note="on this page"
            ),
            Tile(what="to look at", value=f"{trouble}", note=some),
            Tile(
                what="last heard of",
                value=_ago(max((b.last_received_at for b in shown if b.last_received_at), default=None), now),
                note=some,
            ),
            Tile(
                what="last event",
                value=_ago(latest[0].received_at if latest else None, now),
                note=_latest(latest),
            ),
        ],
        sections=[
            Section(
                name="boards",
                title="Boards",
                words=""
                if shown
                else "None has sent anything yet. lpr-host boards add NAME makes a token for one.",
                tables=[table] if shown else (),
            ),
            _newest_events(latest),
        ],
        older=_query("/", after=shown[-1].name) if len(boards) > BOARDS else None,
        newest="/" if after else None,
        live=not after,
    )


def board(request: Request) -> Response:
    """One board."""
    store, now, name = _store(request), _now(), request.path_params["name"]
    found = store.board(name)
    if found is None:
        raise Missing(f"There is no board {name}.")
    chosen = request.query_params.get("range", "24h")
    if chosen not in RANGES:
        raise Wrong("The range is none of these: " + ", ".join(RANGES) + ".")
    words, seconds = RANGES[chosen]
    stored = store.health(name, now - timedelta(seconds=seconds), limit=_READ)
    reports = [one.health for one in stored]
    moments = fleet.moments(reports)
    moments = moments[:: -(-len(moments) // POINTS) or 1]
    condition = condition_of(found, now)
    latest = store.events(Search(board=name), limit=NEWEST).rows
    last = found.health.health if found.health else None
    sections = [
        Section(
            name="trends",
            title=f"The last {words}",
            words="" if moments else "No health reports in this time.",
            charts=trend.trend(moments),
        )
    ]
    if last and last.stages:
        sections.append(
            Section(
                name="latency",
                title="Latency of every stage",
                words=f"Of the {fleet.duration(last.since_s)} before its last health report.",
                charts=[spreads("stages", last.stages)],
            )
        )
    if last:
        sections.append(Section(name="deliveries", title="Deliveries", tables=[_deliveries(last)]))
    sections.append(_newest_events(latest))
    if own := store.reports(name, limit=REPORTS).rows:
        mine = ordered([one.report for one in own])
        sections.append(
            Section(
                name="details",
                title="Its benchmarks",
                parts=[
                    details(r, f"{label}, {r.created_at}") for r, label in zip(mine, names(mine), strict=True)
                ],
            )
        )
    return _page(
        request,
        "live.html",
        title=name,
        condition=condition,
        tiles=_board_tiles(found, now),
        ranges=[
            (text, _query(board_address(name), range=key), key == chosen) for key, (text, _) in RANGES.items()
        ],
        sections=sections,
        more=("All its events", _query("/events", board=name)),
        live=True,
    )


def events(request: Request) -> Response:
    """Events that a search finds."""
    store, asked = _store(request), request.query_params
    fields = {key: asked.get(key, "").strip() for key in ("plate", "distance", "board", "since", "until")}
    before = asked.get("before")
    wrong = ""
    rows: tuple[StoredEvent, ...] = ()
    next_page = None
    try:
        page = store.events(_search(fields), before=before, limit=EVENTS)
        rows, next_page = page.rows, page.next
    except Unavailable:
        raise
    except FatalError as error:
        wrong = f"{error.what} {error.why} – {error.todo}."
    except ValueError as error:
        wrong = str(error)
    given = {key: value for key, value in fields.items() if value}
    return _page(
        request,
        "events.html",
        status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
        title="Events",
        fields=fields,
        distances=DISTANCES,
        wrong=wrong,
        table=event_table(rows, fields["plate"].strip("* ")) if rows else None,
        older=_query("/events", **given, before=next_page) if next_page else None,
        newest=_query("/events", **given) if before else None,
        live=not before and not wrong,
    )


def event(request: Request) -> Response:
    """One event."""
    store, row = _store(request), request.path_params["row"]
    found = store.events_after(row - 1, limit=1) if 0 < row < 1 << 62 else ()
    if not found or found[0].id != row:
        raise Missing("There is no such event; perhaps it was kept as long as it may be.")
    one = found[0]
    seen = one.event
    alike: Sequence[StoredEvent] = ()
    if seen.text:
        try:
            alike = store.events(Search(plate=seen.text, distance=1.0), limit=ALIKE + 1).rows
        except Unavailable:
            raise
        except FatalError:
            # A text without letters and digits looks like nothing.
            alike = ()
    others = [each for each in alike if each.id != row][:ALIKE]
    facts: list[tuple[Cell, Cell]] = [
        ("plate", plate_of(seen)),
        ("confidence", f"{seen.confidence:.1%}"),
        ("of each character", _characters(one)),
        ("also read", others_of(seen, 12)),
        ("of the allow list", seen.listed or "–"),
        ("readings", f"{seen.readings} in {fleet.duration(seen.duration_s)}"),
        ("first seen", stamp(seen.first_seen)),
        ("last seen", stamp(seen.last_seen)),
        ("clock", "set by a time server" if seen.clock_synchronized else "not set: times may be wrong"),
        ("direction", direction_of(seen.direction)),
        ("passage", "over" if seen.complete else "was under way when it was told"),
        ("board", html('<a href="{}">{}</a>', board_address(one.board), one.board)),
        ("frame", seen.source + (f", plate {seen.width:.0f} px wide" if seen.width else "")),
        ("received", stamp(one.received_at)),
    ]
    table = Table(caption="The passage", headings=("what", "value"), rows=facts, words=frozenset({1}))
    sections = [
        Section(
            name="passage",
            title="Passage",
            pictures=[_picture(one, large=True)] if one.has_crop else (),
            tables=[table],
        )
    ]
    if others:
        sections.append(
            Section(
                name="alike",
                title="Plates that look alike",
                words="The same plate, or one within a distance of 1.",
                tables=[event_table(others, seen.text)],
            )
        )
    return _page(request, "live.html", title=plate_of(seen), sections=sections, live=False)


def benchmarks(request: Request) -> Response:
    """Reports side by side."""
    page = _store(request).reports(before=request.query_params.get("before"), limit=REPORTS)
    reports = ordered([named(stored.report, stored.board) for stored in page.rows])
    labels = names(reports)
    sections: list[Section | None] = []
    if reports:
        sections = [
            *benchmark_sections(reports, labels),
            Section(
                name="details",
                title="Boards and bundles",
                parts=[details(report, label) for report, label in zip(reports, labels, strict=True)],
            ),
        ]
    return _page(
        request,
        "live.html",
        title="Benchmarks",
        subtitle="" if reports else "No board has sent a benchmark report yet.",
        sections=[section for section in sections if section is not None],
        older=_query("/benchmarks", before=page.next) if page.next else None,
        newest="/benchmarks" if "before" in request.query_params else None,
        live=False,
    )


def crop(request: Request) -> Response:
    """The picture of an event's plate."""
    row = request.path_params["row"]
    jpeg = _store(request).crop(row) if row < 1 << 62 else None
    if jpeg is None:
        raise Missing("There is no such picture; perhaps it was kept as long as it may be.")
    return Response(jpeg, media_type="image/jpeg", headers=HEADERS)


def static(request: Request) -> Response:
    """A style or script; what has another content has another address."""
    name = request.path_params["name"]
    if name not in (*assets.STYLES, *assets.LIVE_SCRIPTS):
        raise Missing("There is no such file.")
    kind = assets.CONTENT_TYPES[name[name.rindex(".") :]]
    kept = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(assets.text(name), media_type=kind, headers=HEADERS | kept)


class Missing(Exception):
    """There is nothing at this address; says so in a sentence."""


class Wrong(Exception):
    """The address asks for what cannot be; says why in a sentence."""


def named(report: Report, board: str) -> Report:
    """*report*, with the board's name in place of its model, which many boards have."""
    return msgspec.structs.replace(report, board=msgspec.structs.replace(report.board, model=board))


def condition_of(found: Board, now: datetime) -> fleet.Condition:
    """How a board is doing."""
    if found.last_received_at is None:
        return fleet.Condition(state="silent", reasons=("has sent nothing yet",))
    return fleet.condition(found.health.health if found.health else None, found.last_received_at, now)


def event_table(rows: Sequence[StoredEvent], plate: str) -> Table:
    """Events with their pictures, and where *plate* is given, how far each one's looks are from it."""
    headings = ("plate", "picture", *(("distance",) if plate else ()), "confidence", "seen, UTC", "board")
    return Table(
        caption=f"Events, and how far they look from {plate}" if plate else "Events, newest first",
        headings=(*headings, "direction", "readings", "also read"),
        rows=[
            (
                html('<a class="plate" href="/events/{}">{}</a>', one.id, plate_of(one.event)),
                html('<img class="crop" src="/crops/{}.jpg" alt="" loading="lazy">', one.id)
                if one.has_crop
                else "–",
                *((f"{distance(plate, one.event.text):g}",) if plate else ()),
                f"{one.event.confidence:.1%}",
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                html('<a href="{}">{}</a>', board_address(one.board), one.board),
                direction_of(one.event.direction),
                f"{one.event.readings}",
                others_of(one.event),
            )
            for one in rows
        ],
        words=frozenset({1, 4, 5, 6, 8} if plate else {1, 3, 4, 5, 7}),
    )


def board_address(name: str) -> str:
    """The page of a board."""
    return f"/boards/{quote(name, safe='')}"


def _answering(page: Page) -> Page:
    """*page*, with a page that says what is wrong where it raises."""

    @functools.wraps(page)
    def answer(request: Request) -> Response:
        try:
            return page(request)
        except Missing as missing:
            return _sorry(request, HTTPStatus.NOT_FOUND, "Nothing here", str(missing))
        except Unavailable as error:
            why = f"{error.what} {error.why} – {error.todo}."
            return _sorry(request, HTTPStatus.SERVICE_UNAVAILABLE, "Not now", why)
        except FatalError as error:
            return _sorry(
                request, HTTPStatus.BAD_REQUEST, "Not like this", f"{error.what} {error.why} – {error.todo}."
            )
        except Wrong as wrong:
            return _sorry(request, HTTPStatus.BAD_REQUEST, "Not like this", str(wrong))

    return answer


def _missing(request: Request) -> Response:
    raise Missing("There is no such page.")


def _sorry(request: Request, status: HTTPStatus, title: str, words: str) -> Response:
    return _page(request, "live.html", status=status, title=title, subtitle=words, sections=(), live=False)


def _page(
    request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: object
) -> Response:
    defaults: dict[str, object] = {
        "path": request.url.path,
        "now": _now(),
        "styles": assets.STYLES,
        "scripts": assets.LIVE_SCRIPTS,
        "subtitle": "",
        "condition": None,
        "tiles": (),
        "ranges": (),
        "older": None,
        "newest": None,
        "more": None,
    }
    text = render(template, **defaults | values)
    return Response(text, status, media_type="text/html", headers=HEADERS)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _search(fields: dict[str, str]) -> Search:
    return Search(
        plate=fields["plate"] or None,
        distance=_number(fields["distance"]) if fields["plate"] and fields["distance"] else None,
        board=fields["board"] or None,
        since=_day(fields["since"]),
        until=_day(fields["until"], timedelta(days=1)),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("The distance is no number.") from None


def _day(text: str, later: timedelta = timedelta()) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc) + later
    except (ValueError, OverflowError):
        raise ValueError("A day is written as 2026-01-31.") from None


def _newest_events(latest: Sequence[StoredEvent]) -> Section:
    without = [one for one in latest if not one.has_crop]
    return Section(
        name="newest",
        title="Newest events",
        words="" if latest else "None yet.",
        pictures=[_picture(one) for one in latest if one.has_crop],
        small=True,
        tables=[event_table(without, "")] if without else (),
    )


def _picture(one: StoredEvent, large: bool = False) -> Picture:
    # The picture's own size is not known here; style.css gives it a box.
    return Picture(
        address=f"/crops/{one.id}.jpg",
        width=320 if large else 190,
        height=160 if large else 92,
        alt=f"Plate {plate_of(one.event)}",
        title="" if large else plate_of(one.event),
        caption=sentence(one.event)
        if large
        else f"{one.event.confidence:.1%} sure, {one.at:%H:%M:%S} UTC, {one.board}",
        link=None if large else f"/events/{one.id}",
    )


def _characters(one: StoredEvent) -> str:
    pairs = zip(one.event.text, one.event.character_confidences, strict=False)
    return "  ".join(f"{character} {confidence:.0%}" for character, confidence in pairs) or "–"


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


def _board_tiles(found: Board, now: datetime) -> list[Tile]:
    tiles = [
        Tile(
            what="last heard of", value=_ago(found.last_received_at, now), note=_when(found.last_received_at)
        )
    ]
    if found.health is None:
        return tiles
    health = found.health.health
    machine, source = health.machine, health.source
    tiles.append(
        Tile(
            what="bundle",
            value=f"{health.bundle.target} {health.bundle.precision}",
            note=f"{health.bundle.manifest_sha256[:12]}, lpr-run {health.lpr_run}",
        )
    )
    if machine.temperature_c is not None:
        tiles.append(
            Tile(
                what="temperature",
                value=f"{machine.temperature_c:.0f} °C",
                note=f"throttling: {machine.throttling or 'unknown'}",
            )
        )
    if machine.available_mb is not None:
        tiles.append(
            Tile(
                what="memory left",
                value=f"{machine.available_mb:,} MiB",
                note=f"{machine.rss_mb or 0:,} MiB of the program",
            )
        )
    tiles.append(
        Tile(what="frames", value=f"{health.frames:,}", note=f"in {fleet.duration(health.uptime_s)}")
    )
    if source is not None:
        state = "away now" if source.lost else "there"
        tiles.append(
            Tile(
                what="frames that went by",
                value=f"{source.dropped:,}",
                note=f"camera {state}, back {source.reconnects}×, away for {fleet.duration(source.lost_s)}",
            )
        )
    behind = found.health.behind.total_seconds()
    note = "set by a time server" if health.clock_synchronized else "not set"
    tiles.append(
        Tile(what="its clock", value=f"{round(-behind):+d} s", note=f"{note}; beside ours, delivery included")
    )
    return tiles


def _query(path: str, **values: object) -> str:
    return f"{path}?{urlencode(values)}"


def _ago(time: datetime | None, now: datetime) -> str:
    return "never" if time is None else f"{fleet.duration((now - time).total_seconds())} ago"


def _when(time: datetime | None) -> str:
    return "" if time is None else stamp(time)


def _latest(rows: Sequence[StoredEvent]) -> str:
    return f"{plate_of(rows[0].event)}, {rows[0].board}" if rows else ""


def _now() -> datetime:
    return datetime.now(timezone.utc)
