"""What is deleted: everything after its time, and one plate on request."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store import tables
from host.store.database import Database
from host.store.moments import microseconds
from host.store.query import plates_like
from host.store.values import Erased, Retention, Retired

_AT_ONCE = 200
"""Rows deleted in one transaction: what arrives waits for it."""
_PAUSE_S = 0.02
"""Between two, at least: half of the time belongs to what arrives."""


def retire(database: Database, retention: Retention, today: datetime) -> Retired:
    """Delete what is older than it may be, and texts of plates that no event has any more."""
    counts = {}
    for name in ("crops", "events", "health", "reports", "others"):
        days = getattr(retention, name)
        if days is None:
            counts[name] = 0
            continue
        table = tables.METADATA.tables[name]
        before = microseconds(today - timedelta(days=days))
        counts[name] = _delete(database, table, table.c.at < before)
    return Retired(**counts)


def erase(database: Database, plate: str, distance: float | None) -> Erased:
    """Delete all events of a plate with their pictures, and its text; then no page on disk has them.

    Raises:
        FatalError: as `query.plates_like`, or it has a `*`.
    """
    if "*" in plate:
        raise FatalError("the plate", "has a *: that would erase many", "write the whole text")
    events = crops = 0
    texts: set[str] = set()
    c, p = tables.events.c, tables.plates.c
    while True:
        with database.writing() as connection:
            rows = plates_like(connection, plate, distance)
            found = connection.execute(sa.select(p.id, p.text).where(p.id.in_(rows)).limit(_AT_ONCE)).all()
            if not found:
                break
            texts |= {one.text for one in found}
            wanted = c.plate_id.in_([one.id for one in found])
            ids = list(connection.scalars(sa.select(c.id).where(wanted).limit(_AT_ONCE)))
            crops += _deleted(connection, tables.crops, tables.crops.c.event_id.in_(ids))
            events += _deleted(connection, tables.events, c.id.in_(ids))
            if len(ids) < _AT_ONCE:
                _deleted(connection, tables.plates, p.id.in_([one.id for one in found]))
    # Also where nothing was found: the last time may have ended before this.
    database.overwrite("events", "crops", "plates")
    return Erased(plates=tuple(sorted(texts)), events=events, crops=crops)


def _delete(database: Database, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    key = next(iter(table.primary_key))
    total = 0
    while True:
        began = time.monotonic()
        with database.writing() as connection:
            ids = list(connection.scalars(sa.select(key).where(which).limit(_AT_ONCE)))
            if table is tables.events:
                total += _delete_events(connection, ids)
            else:
                total += _deleted(connection, table, key.in_(ids))
        if len(ids) < _AT_ONCE:
            return total
        time.sleep(max(_PAUSE_S, time.monotonic() - began))


def _delete_events(connection: sa.Connection, ids: list[int]) -> int:
    """With their pictures, and with texts that no other event has."""
    c, p = tables.events.c, tables.plates.c
    plates = set(connection.scalars(sa.select(c.plate_id).where(c.id.in_(ids), c.plate_id.is_not(None))))
    _deleted(connection, tables.crops, tables.crops.c.event_id.in_(ids))
    count = _deleted(connection, tables.events, c.id.in_(ids))
    _deleted(connection, tables.plates, sa.and_(p.id.in_(plates), ~sa.exists().where(c.plate_id == p.id)))
    return count


def _deleted(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.delete(table).where(which)).rowcount
