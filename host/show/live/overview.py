"""The first page: all boards, worst first, what they run, and the newest events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from host.show.boards import board_row, board_table, bundle_table
from host.show.condition import STATES, Condition
from host.show.live.fleet import MOST, Boards, Fleet
from host.show.live.frame import Wrong, ago, board_address, query, respond, store_of, utc_now
from host.show.live.rows import newest_events
from host.show.markup import html
from host.show.section import Section, Tile
from host.show.seen import plate_of
from host.store.values import Board, StoredEvent

BOARDS = 50
"""A page."""
NEWEST = 12
"""Events."""
_LOOK_AT = ("bad", "silent", "doubtful")

Rows = Sequence[tuple[Board, Condition]]


class Overview:
    """The page, and what it knows of the fleet from the time before."""

    def __init__(self) -> None:
        self._fleet = Fleet()

    def show(self, request: Request) -> Response:
        """`/`, with `state` and `name` of boards that are wanted, `page`, and `after` of more than `MOST`."""
        store, now, asked = store_of(request), utc_now(), request.query_params
        after, name, state = (asked.get(key, "").strip() for key in ("after", "name", "state"))
        if state and state not in STATES:
            raise Wrong("The state is none of these: " + ", ".join(STATES) + ".")
        page = _page_number(asked.get("page", "1"))
        boards = self._fleet.look(store, after, now)
        named = [row for row in boards.rows if name.lower() in row[0].name.lower()]
        wanted = [row for row in named if state in ("", row[1].state)]
        shown = self._fleet.dated(store, wanted[(page - 1) * BOARDS : page * BOARDS])
        latest = store.events(limit=NEWEST).rows
        more = page * BOARDS < len(wanted)
        kept = {"after": after, "name": name, "state": state}
        sections = [_boards(shown, now, bool(boards.rows))]
        if running := [(each.name, each.health.health) for each, _ in named if each.health]:
            sections.append(Section(name="bundles", title="What runs where", tables=[bundle_table(running)]))
        return respond(
            request,
            "overview.html",
            title="Boards",
            tiles=_tiles(boards, latest, now),
            choices=_choices(named, after, name, state),
            choices_label="State",
            name=name,
            state=state,
            after=after,
            sections=[*sections, newest_events(latest)],
            older=query("/", **kept, page=page + 1) if more else None,
            newer=query("/", **kept) if page > 1 else None,
            more=None
            if boards.next is None
            else (f"Boards behind {boards.next}", query("/", after=boards.next)),
            live=page == 1,
        )


def _page_number(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise Wrong("There is no such page.")
    return int(text)


def _boards(shown: Rows, now: datetime, any_at_all: bool) -> Section:
    if not any_at_all:
        words = "None has sent anything yet. lpr-host boards add NAME makes a token for one."
        return Section(name="boards", title="Boards", words=words)
    table = board_table(
        [
            board_row(
                html('<a href="{}">{}</a>', board_address(each.name), each.name),
                each.health.health if each.health else None,
                condition,
                each.last_received_at,
                now,
            )
            for each, condition in shown
        ]
    )
    return Section(
        name="boards",
        title="Boards",
        words="" if shown else "No board is like that.",
        tables=[table] if shown else (),
    )


def _choices(named: Rows, after: str, name: str, state: str) -> list[tuple[str, str, bool]]:
    """A link to the boards in each state that there is, with their number."""
    counts = Counter(condition.state for _, condition in named)
    found = [(f"all {len(named):,}", query("/", after=after, name=name), not state)]
    for one, words in STATES.items():
        if counts[one] or one == state:
            address = query("/", after=after, name=name, state=one)
            found.append((f"{words} {counts[one]:,}", address, one == state))
    return found


def _tiles(boards: Boards, latest: Sequence[StoredEvent], now: datetime) -> list[Tile]:
    heard = [board.last_received_at for board, _ in boards.rows if board.last_received_at]
    trouble = Counter(condition.words for _, condition in boards.rows if condition.state in _LOOK_AT)
    note = ", ".join(f"{count:,} {words}" for words, count in trouble.items()) or "all is well"
    some = "all there are" if boards.next is None else f"the first {MOST:,} by name, of more"
    return [
        Tile(what="boards", value=f"{len(boards.rows):,}", note=some),
        Tile(what="to look at", value=f"{sum(trouble.values()):,}", note=note),
        Tile(what="last heard of one", value=ago(max(heard, default=None), now), note="by any way"),
        Tile(
            what="last event",
            value=ago(latest[0].received_at if latest else None, now),
            note=f"{plate_of(latest[0].event)}, {latest[0].board}" if latest else "",
        ),
    ]
