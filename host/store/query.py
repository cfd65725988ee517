"""Rows → what the store gives, a page at a time."""

from __future__ import annotations

import functools
import logging
import operator
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from device_runtime.delivery.item import body_of
from device_runtime.errors import FatalError
from device_runtime.follow.event import Event
from device_runtime.follow.look_alike import distance, normalised
from device_runtime.report.health import Health
from device_runtime.report.report import Report
from host.store import tables
from host.store.bulk import one_of
from host.store.moments import microseconds, moment
from host.store.plates import LAST, MAX_DISTANCE, looks_of, one_edit, ranges
from host.store.values import Board, Page, Search, StoredEvent, StoredHealth, StoredOther, StoredReport

MOST_PLATES = 1000
"""Texts that look like one; of more the nearest are taken."""

GONE_THROUGH = 5000
"""Events in which plates are looked for that many have."""

FEW_PLATES, MANY_PLATES = 20, 20_000
"""Of a few plates, events are found in their order; of many they are not sorted, a page being full sooner
when all events are gone through."""

_MOST = (1 << 63) - 1
"""No row has a higher number."""

_boards = tables.boards

T = TypeVar("T")
Body = TypeVar("Body", Event, Health, Report)

LOG = logging.getLogger(__name__)


def events(connection: sa.Connection, search: Search, before: str | None, limit: int) -> Page[StoredEvent]:
    """The newest events that *search* means, older than *before*."""
    query = _filtered(connection, tables.events, search.board, search.since, search.until, before)
    if search.plate is None:
        wanted = _newest(query, tables.events, limit)
    else:
        wanted = _newest_of_plate(connection, query, search, limit)
    return _page(_events(connection, wanted), limit, _event)


def events_after(connection: sa.Connection, after: int, limit: int) -> tuple[StoredEvent, ...]:
    """The first events whose `id` is above *after*, in the order of `id`."""
    c = tables.events.c
    wanted = sa.select(c.id).where(c.id > min(after, _MOST)).order_by(c.id).limit(limit)
    rows = sorted(_events(connection, wanted), key=lambda row: row.id)
    return _understood(rows, _event)


def last_event(connection: sa.Connection) -> int:
    """The highest `id`; 0 where there is none."""
    return connection.scalar(sa.select(sa.func.coalesce(sa.func.max(tables.events.c.id), 0))) or 0


def crop(connection: sa.Connection, event: int) -> bytes | None:
    """The picture of an event's plate, a JPEG."""
    c = tables.crops.c
    found = connection.scalar(sa.select(c.jpeg).where(c.event_id == min(event, _MOST)))
    return None if found is None else bytes(found)


def health(
    connection: sa.Connection,
    board: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> tuple[StoredHealth, ...]:
    """The newest health reports of *board*, oldest of them first."""
    query = _filtered(connection, tables.health, board, since, until)
    rows = _rows(connection, tables.health, _newest(query, tables.health, limit))
    return _understood(rows[:limit], _health)[::-1]


def reports(
    connection: sa.Connection, board: str | None, before: str | None, limit: int
) -> Page[StoredReport]:
    """The newest benchmark reports, older than *before*."""
    query = _filtered(connection, tables.reports, board, before=before)
    rows = _rows(connection, tables.reports, _newest(query, tables.reports, limit))
    return _page(rows, limit, lambda row: StoredReport(**_item(row), report=_body(row, Report)))


def others(connection: sa.Connection, board: str | None, before: str | None, limit: int) -> Page[StoredOther]:
    """The newest items that were not understood, older than *before*."""
    query = _filtered(connection, tables.others, board, before=before)
    wanted = _newest(query, tables.others, limit)
    rows = _rows(connection, tables.others, wanted, tables.others.c.kind)
    return _page(rows, limit, lambda row: StoredOther(**_item(row), kind=row.kind))


def boards(connection: sa.Connection, which: sa.ColumnElement[bool], limit: int) -> tuple[Board, ...]:
    """Boards that *which* is true of, by name."""
    c, h, t = _boards.c, tables.health.c, tables.tokens.c
    tokens = (
        sa.select(sa.func.count())
        .where(t.board_id == c.id, t.revoked_at.is_(None))
        .scalar_subquery()
        .label("tokens")
    )
    newest = (
        sa.select(h.id)
        .where(h.board_id == c.id)
        .order_by(h.at.desc(), h.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("newest")
    )
    query = sa.select(*c, tokens, newest).where(which).order_by(c.name).limit(limit)
    found = connection.execute(query).all()
    wanted = [row.newest for row in found if row.newest is not None]
    rows = _rows(connection, tables.health, sa.select(h.id).where(h.id.in_(wanted))) if wanted else ()
    reports = {one.id: one for one in _understood(rows, _health)}
    return tuple(
        Board(
            name=row.name,
            created_at=moment(row.created_at),
            first_received_at=_maybe(row.first_received_at),
            last_received_at=_maybe(row.last_received_at),
            last_time=_maybe(row.last_time),
            tokens=row.tokens,
            health=reports.get(row.newest),
        )
        for row in found
    )


def board_row(connection: sa.Connection, name: str) -> int | None:
    """The board of that name; None where there is none."""
    # Names are printable, and databases refuse some texts that are not.
    if not name.isprintable():
        return None
    return connection.scalar(sa.select(_boards.c.id).where(_boards.c.name == name))


def plates_like(connection: sa.Connection, plate: str, most: float | None) -> list[int]:
    """Rows of `plates` that look like *plate*, nearest first, `MOST_PLATES` at most; None: the very text.

    Raises:
        FatalError: there is no letter or digit in *plate*, or *most* is out of range.
    """
    text, c = _letters(plate), tables.plates.c
    if most is None:
        return list(connection.scalars(sa.select(c.id).where(c.text == text)))
    if not 0 <= most <= MAX_DISTANCE:
        raise FatalError("the distance", f"is {most:g}", f"choose 0 to {MAX_DISTANCE:g}")
    return _near(connection, text, most)


def _letters(plate: str) -> str:
    text = normalised(plate)
    if not text:
        raise FatalError("the plate", "has no letter and no digit", "write its text")
    return text


def _newest_of_plate(
    connection: sa.Connection, query: sa.Select[Any], search: Search, limit: int
) -> sa.Select[Any]:
    """Ids of the newest of *query*'s events that have the plate of *search*, which is given."""
    plate = (search.plate or "").strip()
    begins, ends = plate.endswith("*"), plate.startswith("*")
    if not begins and not ends:
        return _newest_of(connection, query, plates_like(connection, plate, search.distance), limit)
    if begins and ends:
        raise FatalError("the plate", "has a * at both ends", "leave one of them out")
    if search.distance is not None:
        raise FatalError("the plate", "has a *, which goes with no distance", "leave one of them out")
    return _newest_that_fit(connection, query, _fits(_letters(plate), at_end=ends), limit)


def _fits(text: str, *, at_end: bool) -> sa.ColumnElement[bool]:
    """Whether a plate begins with *text*, or ends so."""
    c = tables.plates.c
    if not at_end:
        return sa.and_(c.text >= text, c.text <= text + LAST)
    backwards = looks_of(text).backwards
    return sa.and_(c.backwards >= backwards, c.backwards <= backwards + LAST, c.text.like(f"%{text}"))


# Of many plates' events the newest are found by sorting theirs, or by going through all from the newest on
# until a page is full. Databases guess which is sooner, and guess wrong; so a few thousand are gone through
# first, and where that fills no page the plates are seldom enough for sorting.


def _newest_of(
    connection: sa.Connection, query: sa.Select[Any], plates: list[int], limit: int
) -> sa.Select[Any]:
    """Ids of the newest of *query*'s events that have one of *plates*."""
    c = tables.events.c
    theirs = query.where(one_of(connection, c.plate_id, plates))
    if len(plates) <= FEW_PLATES:
        return _newest(theirs, tables.events, limit)
    some = _gone_through(query)
    found = _found_in(connection, some, one_of(connection, some.c.plate_id, plates), limit)
    return _sorted(theirs, limit) if found is None else found


def _newest_that_fit(
    connection: sa.Connection, query: sa.Select[Any], fits: sa.ColumnElement[bool], limit: int
) -> sa.Select[Any]:
    """Ids of the newest of *query*'s events whose plates *fits* is true of, however many plates those are."""
    c, p = tables.events.c, tables.plates.c
    fitting = sa.select(p.id).where(fits)
    plates = list(connection.scalars(fitting.limit(MOST_PLATES + 1)))
    if len(plates) <= MOST_PLATES:
        return _newest_of(connection, query, plates, limit)
    some = _gone_through(query)
    # As a value, and not as EXISTS, which PostgreSQL makes a join of all of them of.
    found = _found_in(connection, some, _value(fits, some.c.plate_id), limit)
    if found is not None:
        return found
    if _count(connection, fitting.limit(MANY_PLATES + 1)) <= MANY_PLATES:
        return _sorted(query.where(c.plate_id.in_(fitting)), limit)
    return _newest(query.where(_value(fits, c.plate_id)), tables.events, limit)


def _gone_through(query: sa.Select[Any]) -> sa.Subquery:
    c = tables.events.c
    newest = query.with_only_columns(c.id, c.at, c.plate_id).order_by(c.at.desc(), c.id.desc())
    return newest.limit(GONE_THROUGH).subquery()


def _found_in(
    connection: sa.Connection, some: sa.Subquery, which: sa.ColumnElement[bool], limit: int
) -> sa.Select[Any] | None:
    """Ids of the newest of *some* events; None where that is no full page, and there are more than *some*."""
    wanted = sa.select(some.c.id).where(which).order_by(some.c.at.desc(), some.c.id.desc()).limit(limit + 1)
    found = list(connection.scalars(wanted))
    if len(found) <= limit and _count(connection, sa.select(some.c.id)) >= GONE_THROUGH:
        return None
    return sa.select(tables.events.c.id).where(one_of(connection, tables.events.c.id, found))


def _sorted(query: sa.Select[Any], limit: int) -> sa.Select[Any]:
    """As `_newest`; materialised, so that no database goes through all events instead."""
    c = tables.events.c
    theirs = query.with_only_columns(c.id, c.at).cte("theirs").prefix_with("MATERIALIZED")
    return sa.select(theirs.c.id).order_by(theirs.c.at.desc(), theirs.c.id.desc()).limit(limit + 1)


def _value(fits: sa.ColumnElement[bool], plate: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.select(fits).where(tables.plates.c.id == plate).scalar_subquery()


def _count(connection: sa.Connection, query: sa.Select[Any]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0


def _near(connection: sa.Connection, text: str, most: float) -> list[int]:
    # As `Follow.same_plate`: of short texts everything would be found.
    most = min(most, len(text) / 3)
    looks, c = looks_of(text), tables.plates.c
    lengths = len(text) - 1, len(text) + 1
    found: dict[int, float] = {}
    for part in ranges(looks, most):
        column = c[part.column]
        wanted: str = getattr(looks, part.column)
        query = sa.select(c.id, c.text, column).where(
            column >= part.first,
            column <= part.last,
            sa.func.length(column).between(*lengths),
            sa.or_(sa.func.length(column) != len(wanted), _same(column, wanted) >= len(wanted) - 1),
        )
        for row, other, written in connection.execute(query):
            if one_edit(written, wanted) and (apart := distance(text, other, most)) <= most:
                found[row] = apart
    return sorted(found, key=lambda row: (found[row], row))[:MOST_PLATES]


def _same(column: sa.Column[str], text: str) -> sa.ColumnElement[int]:
    """How many characters of *column* are those of *text* at the same place."""
    every = (
        sa.case((sa.func.substr(column, place, 1) == character, 1), else_=0)
        for place, character in enumerate(text, start=1)
    )
    return functools.reduce(operator.add, every)


def _filtered(
    connection: sa.Connection,
    table: sa.Table,
    board: str | None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
) -> sa.Select[Any]:
    query = sa.select(table.c.id)
    if board is not None:
        found = board_row(connection, board)
        query = query.where(table.c.board_id == (-1 if found is None else found))
    if since is not None:
        query = query.where(table.c.at >= microseconds(since))
    if until is not None:
        query = query.where(table.c.at < microseconds(until))
    if before is not None:
        at, row = _cursor(before)
        query = query.where(sa.tuple_(table.c.at, table.c.id) < sa.tuple_(sa.literal(at), sa.literal(row)))
    return query


def _newest(query: sa.Select[Any], table: sa.Table, limit: int) -> sa.Select[Any]:
    # One more tells whether there are more.
    return query.order_by(table.c.at.desc(), table.c.id.desc()).limit(limit + 1)


def _rows(
    connection: sa.Connection, table: sa.Table, wanted: sa.Select[Any], *more: sa.ColumnElement[Any]
) -> Sequence[sa.Row[Any]]:
    """Whole rows of the ids that *wanted* selects, which reads no more than an index."""
    c, ids = table.c, wanted.subquery()
    query = (
        sa.select(c.id, _boards.c.name, c.item, c.time, c.received_at, c.at, c.raw, *more)
        .join_from(ids, table, c.id == ids.c.id)
        .join(_boards, _boards.c.id == c.board_id)
        .order_by(c.at.desc(), c.id.desc())
    )
    return connection.execute(query).all()


def _events(connection: sa.Connection, wanted: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    has_crop = sa.exists().where(tables.crops.c.event_id == tables.events.c.id).label("has_crop")
    return _rows(connection, tables.events, wanted, has_crop)


def _event(row: sa.Row[Any]) -> StoredEvent:
    return StoredEvent(**_item(row), event=_body(row, Event), has_crop=row.has_crop)


def _health(row: sa.Row[Any]) -> StoredHealth:
    return StoredHealth(**_item(row), health=_body(row, Health))


def _body(row: sa.Row[Any], schema: type[Body]) -> Body:
    return msgspec.json.decode(body_of(bytes(row.raw)), type=schema)


def _understood(rows: Iterable[sa.Row[Any]], make: Callable[[sa.Row[Any]], T]) -> tuple[T, ...]:
    """What *make* makes of *rows*. All were checked when they came, but perhaps by a newer collector."""
    made = []
    for row in rows:
        try:
            made.append(make(row))
        except msgspec.ValidationError as error:
            LOG.warning("an item of %s is left out; update lpr-host (%s)", row.name, error)
    return tuple(made)


def _item(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "board": row.name,
        "item": str(uuid.UUID(bytes=bytes(row.item))),
        "time": moment(row.time),
        "received_at": moment(row.received_at),
        "at": moment(row.at),
        "raw": bytes(row.raw),
    }


def _page(rows: Sequence[sa.Row[Any]], limit: int, make: Callable[[sa.Row[Any]], T]) -> Page[T]:
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else f"{last.at}.{last.id}"
    return Page(rows=_understood(rows[:limit], make), next=following)


def _cursor(text: str) -> tuple[int, int]:
    at, _, row = text.partition(".")
    numbers = [int(part) for part in (at, row) if re.fullmatch("[0-9]{1,19}", part)]
    if len(numbers) != 2 or max(numbers) > _MOST:
        raise FatalError("the page", "is none that was given", "start at the first")
    return numbers[0], numbers[1]


def _maybe(time: int | None) -> datetime | None:
    return None if time is None else moment(time)
