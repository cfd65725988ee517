"""The page of one event: the passage, its picture, and plates that look alike."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from device_runtime.errors import FatalError
from host.show.duration import duration
from host.show.live.frame import Missing, board_address, query, respond, store_of
from host.show.live.rows import event_table, picture_of
from host.show.markup import html
from host.show.section import Section
from host.show.seen import direction_of, others_of, plate_of, stamp, sure_of
from host.show.table import Cell, Table
from host.store.faults import Unavailable
from host.store.store import Store
from host.store.values import Search, StoredEvent

ALIKE = 20
"""Events of plates that look like one."""
DISTANCE = 1.0
"""How far their looks may be from it."""


def event(request: Request) -> Response:
    """`/events/ID`."""
    store, row = store_of(request), request.path_params["row"]
    found = store.events_after(row - 1, limit=1) if 0 < row < 1 << 62 else ()
    if not found or found[0].id != row:
        raise Missing("There is no such event; perhaps it was kept as long as it may be.")
    one = found[0]
    sections = [
        Section(
            name="passage",
            title="Passage",
            pictures=[picture_of(one, large=True)] if one.has_crop else (),
            tables=[_facts(one)],
        )
    ]
    others = [each for each in _alike(store, one) if each.id != row][:ALIKE]
    if others:
        sections.append(
            Section(
                name="alike",
                title="Plates that look alike",
                words=f"The same plate, or one within a distance of {DISTANCE:g}.",
                tables=[event_table(others, one.event.text)],
            )
        )
    return respond(
        request,
        "live.html",
        title=plate_of(one.event),
        sections=sections,
        more=("Search for this plate", query("/events", plate=one.event.text, distance=f"{DISTANCE:g}"))
        if others
        else None,
        live=False,
    )


def _alike(store: Store, one: StoredEvent) -> Sequence[StoredEvent]:
    if not one.event.text:
        return ()
    try:
        return store.events(Search(plate=one.event.text, distance=DISTANCE), limit=ALIKE + 1).rows
    except Unavailable:
        raise
    except FatalError:
        # A text without letters and digits looks like nothing.
        return ()


def _facts(one: StoredEvent) -> Table:
    seen = one.event
    rows: list[tuple[Cell, Cell]] = [
        ("plate", plate_of(seen)),
        ("confidence", sure_of(seen)),
        ("of each character", _characters(one)),
        ("also read", others_of(seen, 12)),
        ("of the allow list", seen.listed or "–"),
        ("readings", f"{seen.readings} in {duration(seen.duration_s)}"),
        ("first seen", stamp(seen.first_seen)),
        ("last seen", stamp(seen.last_seen)),
        ("clock", "set by a time server" if seen.clock_synchronized else "not set: times may be wrong"),
        ("direction", direction_of(seen.direction)),
        ("passage", "over" if seen.complete else "was under way when it was told"),
        ("board", html('<a href="{}">{}</a>', board_address(one.board), one.board)),
        ("frame", seen.source + (f", plate {seen.width:.0f} px wide" if seen.width else "")),
        ("received", stamp(one.received_at)),
    ]
    return Table(caption="The passage", headings=("what", "value"), rows=rows, words=frozenset({1}))


def _characters(one: StoredEvent) -> str:
    pairs = zip(one.event.text, one.event.character_confidences, strict=False)
    return ", ".join(f"{character} {confidence:.0%}" for character, confidence in pairs) or "–"
