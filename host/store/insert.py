"""One transaction: items of some boards → rows."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from host.store import tables
from host.store.bulk import Lookup, arrays_of, given, has_arrays, insert_rows
from host.store.moments import microseconds
from host.store.plates import looks_of
from host.store.received import Received
from host.store.values import Accepted


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Items of one board that were handed over together."""

    board: str
    items: tuple[Received, ...]


def insert(
    connection: sa.Connection, submissions: Sequence[Submission], received_at: datetime
) -> list[Accepted]:
    """Store all items that are new.

    Args:
        connection: in a transaction of `Database.writing`.

    Returns:
        for each submission what became of its items.
    """
    at = microseconds(received_at)
    ids = _board_ids(connection, submissions, at)
    rows: dict[str, list[tuple[int, Received]]] = defaultdict(list)
    for submission in submissions:
        for one in submission.items:
            rows[_table(one).name].append((ids[submission.board], one))
    new: set[tuple[int, uuid.UUID]] = set()
    for name, wanted in rows.items():
        fresh = _fresh(connection, tables.METADATA.tables[name], wanted)
        _write(connection, tables.METADATA.tables[name], fresh, at)
        new.update((board, one.id) for board, one in fresh)
    return [_accepted(submission, ids[submission.board], new) for submission in submissions]


def _accepted(submission: Submission, board: int, new: set[tuple[int, uuid.UUID]]) -> Accepted:
    stored, known = [], []
    for one in submission.items:
        # What came twice in one group is new once.
        if (board, one.id) in new:
            new.remove((board, one.id))
            stored.append(str(one.id))
        else:
            known.append(str(one.id))
    return Accepted(stored=tuple(stored), known=tuple(known))


def _table(one: Received) -> sa.Table:
    return tables.others if one.body is None else tables.BY_KIND[one.kind]


def _board_ids(connection: sa.Connection, submissions: Sequence[Submission], at: int) -> dict[str, int]:
    names = {submission.board for submission in submissions}
    found = dict(map(tuple, _BOARDS(connection, names)))
    if missing := sorted(names - found.keys()):
        insert_rows(connection, tables.boards, [{"name": name, "created_at": at} for name in missing])
        found |= dict(map(tuple, _BOARDS(connection, missing)))
    seen = {s.board: microseconds(s.items[-1].time) for s in submissions if s.items}
    if seen:
        rows = [{"id": found[name], "last_time": time} for name, time in seen.items()]
        if has_arrays(connection):
            connection.execute(_SEEN_ALL, arrays_of(rows) | {"now": at})
        else:
            renamed = [{"row": row["id"], "clock": row["last_time"], "now": at} for row in rows]
            connection.execute(_SEEN, renamed)
    return found


def _fresh(
    connection: sa.Connection, table: sa.Table, wanted: Sequence[tuple[int, Received]]
) -> list[tuple[int, Received]]:
    """Those of which neither the id nor what they say is known of the board."""
    ids = {one.id.bytes for _, one in wanted}
    keys = {one.key for _, one in wanted}
    known: set[tuple[int, bytes]] = set()
    by_item, by_key = _KNOWN[table.name]
    known.update(map(tuple, by_item(connection, ids)))
    known.update(map(tuple, by_key(connection, keys)))
    fresh = []
    for board, one in wanted:
        said = {(board, one.id.bytes), (board, one.key)}
        if known.isdisjoint(said):
            fresh.append((board, one))
            known |= said
    return fresh


def _write(
    connection: sa.Connection, table: sa.Table, fresh: Sequence[tuple[int, Received]], at: int
) -> None:
    if not fresh:
        return
    rows = [_row(board, one, at) for board, one in fresh]
    if table is tables.others:
        for row, (_, one) in zip(rows, fresh, strict=True):
            row["kind"] = one.kind
    if table is tables.events:
        plates = _plate_ids(connection, {one.plate for _, one in fresh if one.plate is not None})
        for row, (_, one) in zip(rows, fresh, strict=True):
            row["plate_id"] = None if one.plate is None else plates[one.plate]
    insert_rows(connection, table, rows)
    crops = {(board, one.id.bytes): one.crop for board, one in fresh if one.crop is not None}
    if crops:
        found = _STORED_EVENTS(connection, {item for _, item in crops})
        jpegs = [
            {"event_id": row, "at": at, "jpeg": crops[board, bytes(item)]}
            for board, item, row, at in found
            if (board, bytes(item)) in crops
        ]
        insert_rows(connection, tables.crops, jpegs)


def _row(board: int, one: Received, at: int) -> dict[str, Any]:
    happened = at if one.happened is None else min(microseconds(one.happened), at)
    return {
        "board_id": board,
        "item": one.id.bytes,
        "key": one.key,
        "spool": None if one.spool is None else one.spool.bytes,
        "sequence": one.sequence,
        "time": microseconds(one.time),
        "received_at": at,
        "at": happened,
        "raw": one.raw,
    }


def _plate_ids(connection: sa.Connection, texts: Iterable[str]) -> dict[str, int]:
    wanted = set(texts)
    found = dict(map(tuple, _PLATES(connection, wanted)))
    missing = [looks_of(text) for text in sorted(wanted - found.keys())]
    if missing:
        rows = [{"text": m.text, "folded": m.folded, "backwards": m.backwards} for m in missing]
        insert_rows(connection, tables.plates, rows)
        found |= dict(map(tuple, _PLATES(connection, [m.text for m in missing])))
    return found


# Made once: making a statement takes as long as executing it.

_BOARDS = Lookup(sa.select(tables.boards.c.name, tables.boards.c.id), tables.boards.c.name)
_PLATES = Lookup(sa.select(tables.plates.c.text, tables.plates.c.id), tables.plates.c.text)
_STORED_EVENTS = Lookup(
    sa.select(tables.events.c.board_id, tables.events.c.item, tables.events.c.id, tables.events.c.at),
    tables.events.c.item,
)
_KNOWN = {
    table.name: (
        Lookup(sa.select(table.c.board_id, table.c.item), table.c.item),
        Lookup(sa.select(table.c.board_id, table.c.key), table.c.key),
    )
    for table in (*tables.BY_KIND.values(), tables.others)
}
"""By the name of a table: rows by the item's id, and by what it says."""


def _seen(clock: sa.ColumnElement[int]) -> sa.Update:
    c, now = tables.boards.c, sa.bindparam("now", type_=sa.BigInteger)
    return sa.update(tables.boards).values(
        first_received_at=sa.func.coalesce(c.first_received_at, now),
        last_received_at=sa.case((c.last_received_at > now, c.last_received_at), else_=now),
        last_time=clock,
    )


_SEEN = _seen(sa.bindparam("clock", type_=sa.BigInteger)).where(tables.boards.c.id == sa.bindparam("row"))
_GIVEN_BOARDS = given(tables.boards, ("id", "last_time"))
_SEEN_ALL = _seen(_GIVEN_BOARDS.c.last_time).where(tables.boards.c.id == _GIVEN_BOARDS.c.id)
