"""What is deleted: everything after its time, and one plate on request."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store import tables
from host.store.database import Database
from host.store.moments import microseconds
from host.store.query import plates_like
from host.store.values import Erased, Retention, Retired

_AT_ONCE = 2000
"""Rows deleted in one transaction, so that items that arrive need not wait long."""


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
    _forget_plates(database)
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
    if texts:
        _overwrite(database)
    return Erased(plates=tuple(sorted(texts)), events=events, crops=crops)


def _delete(database: Database, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    key = next(iter(table.primary_key))
    total = 0
    while True:
        with database.writing() as connection:
            ids = list(connection.scalars(sa.select(key).where(which).limit(_AT_ONCE)))
            if ids and table is tables.events:
                _deleted(connection, tables.crops, tables.crops.c.event_id.in_(ids))
            total += _deleted(connection, table, key.in_(ids)) if ids else 0
        if len(ids) < _AT_ONCE:
            return total


def _deleted(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.delete(table).where(which)).rowcount


def _forget_plates(database: Database) -> None:
    """Texts without an event, a stretch of rows at a time."""
    c = tables.plates.c
    unused = ~sa.exists().where(tables.events.c.plate_id == c.id)
    last = 0
    while True:
        with database.writing() as connection:
            ids = list(connection.scalars(sa.select(c.id).where(c.id > last).order_by(c.id).limit(_AT_ONCE)))
            if not ids:
                return
            _deleted(connection, tables.plates, sa.and_(c.id > last, c.id <= ids[-1], unused))
            last = ids[-1]


def _overwrite(database: Database) -> None:
    """Bring deletions to where the rows were: SQLite's log and PostgreSQL's dead rows still have them."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("VACUUM events, crops, plates")
