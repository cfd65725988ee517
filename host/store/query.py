"""Rows → what the store gives, a page at a time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from device_runtime.delivery.item import body_of
from device_runtime.errors import FatalError
from device_runtime.follow.event import Event
from device_runtime.follow.look_alike import distance, normalised
from device_runtime.report.health import Health
from device_runtime.report.report import Report
from host.store import tables
from host.store.moments import microseconds, moment
from host.store.plates import LAST, MAX_DISTANCE, looks_of, one_edit, ranges
from host.store.values import Board, Page, Search, StoredEvent, StoredHealth, StoredOther, StoredReport

MOST_PLATES = 1000
"""Texts that look like one; of more the nearest are taken."""

_boards = tables.boards


def events(connection: sa.Connection, search: Search, before: str | None, limit: int) -> Page[StoredEvent]:
    """The newest events that *search* means, older than *before*."""
    query = _filtered(connection, tables.events, search.board, search.since, search.until)
    if search.plate is not None:
        query = query.where(_has_plate(connection, search))
    return _page(_events(connection, _newest(query, tables.events, before, limit)), limit)


def events_after(connection: sa.Connection, after: int, limit: int) -> tuple[StoredEvent, ...]:
    """The first events whose `id` is above *after*, in the order of `id`."""
    c = tables.events.c
    return tuple(_events(connection, sa.select(c.id).where(c.id > after).order_by(c.id).limit(limit), c.id))


def last_event(connection: sa.Connection) -> int:
    """The highest `id`; 0 where there is none."""
    return connection.scalar(sa.select(sa.func.coalesce(sa.func.max(tables.events.c.id), 0))) or 0


def crop(connection: sa.Connection, event: int) -> bytes | None:
    """The picture of an event's plate, a JPEG."""
    c = tables.crops.c
    found = connection.scalar(sa.select(c.jpeg).where(c.event_id == event))
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
    rows = _rows(connection, tables.health, _newest(query, tables.health, None, limit))
    return tuple(_health(row) for row in rows[:limit])[::-1]


def reports(
    connection: sa.Connection, board: str | None, before: str | None, limit: int
) -> Page[StoredReport]:
    """The newest benchmark reports, older than *before*."""
    query = _filtered(connection, tables.reports, board, None, None)
    rows = _rows(connection, tables.reports, _newest(query, tables.reports, before, limit))
    return _page([StoredReport(**_item(row), report=_body(row, Report)) for row in rows], limit)


def others(connection: sa.Connection, board: str | None, before: str | None, limit: int) -> Page[StoredOther]:
    """The newest items that were not understood, older than *before*."""
    query = _filtered(connection, tables.others, board, None, None)
    wanted = _newest(query, tables.others, before, limit)
    rows = _rows(connection, tables.others, wanted, tables.others.c.kind)
    return _page([StoredOther(**_item(row), kind=row.kind) for row in rows], limit)


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
    reports = {
        row.id: _health(row)
        for start in range(0, len(wanted), 500)
        for row in _rows(
            connection, tables.health, sa.select(h.id).where(h.id.in_(wanted[start : start + 500]))
        )
    }
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


def _has_plate(connection: sa.Connection, search: Search) -> sa.ColumnElement[bool]:
    """Whether an event has the plate of *search*, which is given."""
    events, c = tables.events.c, tables.plates.c
    plate = (search.plate or "").strip()
    begins, ends = plate.endswith("*"), plate.startswith("*")
    if not begins and not ends:
        return events.plate_id.in_(plates_like(connection, plate, search.distance))
    if begins and ends:
        raise FatalError("the plate", "has a * at both ends", "leave one of them out")
    if search.distance is not None:
        raise FatalError("the plate", "has a *, which goes with no distance", "leave one of them out")
    text = _letters(plate)
    if begins:
        fits = sa.and_(c.text >= text, c.text <= text + LAST)
    else:
        backwards = looks_of(text).backwards
        fits = sa.and_(c.backwards >= backwards, c.backwards <= backwards + LAST, c.text.like(f"%{text}"))
    rows = list(connection.scalars(sa.select(c.id).where(fits).limit(MOST_PLATES + 1)))
    if len(rows) <= MOST_PLATES:
        return events.plate_id.in_(rows)
    # So many that a page is soon full when events are gone through from the newest.
    return sa.exists().where(c.id == events.plate_id, fits)


def _near(connection: sa.Connection, text: str, most: float) -> list[int]:
    # As `Follow.same_plate`: of short texts everything would be found.
    most = min(most, len(text) / 3)
    looks, c = looks_of(text), tables.plates.c
    lengths = len(text) - 1, len(text) + 1
    found: dict[int, float] = {}
    for part in ranges(looks, most):
        column = c[part.column]
        query = sa.select(c.id, c.text, c.folded).where(
            column >= part.first, column <= part.last, sa.func.length(c.folded).between(*lengths)
        )
        for row, other, folded in connection.execute(query):
            if one_edit(folded, looks.folded) and (apart := distance(text, other, most)) <= most:
                found[row] = apart
    return sorted(found, key=lambda row: (found[row], row))[:MOST_PLATES]


def _filtered(
    connection: sa.Connection,
    table: sa.Table,
    board: str | None,
    since: datetime | None,
    until: datetime | None,
) -> sa.Select[Any]:
    query = sa.select(table.c.id)
    if board is not None:
        found = connection.scalar(sa.select(_boards.c.id).where(_boards.c.name == board))
        query = query.where(table.c.board_id == (-1 if found is None else found))
    if since is not None:
        query = query.where(table.c.at >= microseconds(since))
    if until is not None:
        query = query.where(table.c.at < microseconds(until))
    return query


def _newest(query: sa.Select[Any], table: sa.Table, before: str | None, limit: int) -> sa.Select[Any]:
    c = table.c
    if before is not None:
        at, row = _cursor(before)
        query = query.where(sa.tuple_(c.at, c.id) < sa.tuple_(sa.literal(at), sa.literal(row)))
    # One more tells whether there are more.
    return query.order_by(c.at.desc(), c.id.desc()).limit(limit + 1)


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


def _events(
    connection: sa.Connection, wanted: sa.Select[Any], order: sa.ColumnElement[Any] | None = None
) -> list[StoredEvent]:
    c = tables.events.c
    has_crop = sa.exists().where(tables.crops.c.event_id == c.id).label("has_crop")
    rows = _rows(connection, tables.events, wanted, has_crop)
    if order is not None:
        rows = sorted(rows, key=lambda row: row.id)
    return [StoredEvent(**_item(row), event=_body(row, Event), has_crop=row.has_crop) for row in rows]


def _health(row: sa.Row[Any]) -> StoredHealth:
    return StoredHealth(**_item(row), health=_body(row, Health))


T = Any


def _body(row: sa.Row[Any], schema: type[T]) -> T:
    # It was checked when it came.
    return msgspec.json.decode(body_of(bytes(row.raw)), type=schema)


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


def _page(rows: Sequence[Any], limit: int) -> Page[Any]:
    shown = tuple(rows[:limit])
    return Page(rows=shown, next=_text(shown[-1]) if len(rows) > limit else None)


def _text(last: Any) -> str:
    return f"{microseconds(last.at)}.{last.id}"


def _cursor(text: str) -> tuple[int, int]:
    at, _, row = text.partition(".")
    if not (at.isascii() and at.isdecimal() and row.isascii() and row.isdecimal() and len(text) <= 38):
        raise FatalError("the page", "is none that was given", "start at the first")
    return int(at), int(row)


def _maybe(time: int | None) -> datetime | None:
    return None if time is None else moment(time)
