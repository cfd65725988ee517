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
from host.store.moments import microseconds
from host.store.plates import Looks, looks_of
from host.store.received import Received
from host.store.values import Accepted

_AT_ONCE = 500
"""Values in one IN: more are slower to prepare than to look up in turns."""


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
    found = _found_boards(connection, names)
    if missing := [{"name": name, "created_at": at} for name in sorted(names - found.keys())]:
        connection.execute(sa.insert(tables.boards), missing)
        found |= _found_boards(connection, names - found.keys())
    seen = {s.board: microseconds(s.items[-1].time) for s in submissions if s.items}
    if seen:
        boards = tables.boards
        connection.execute(
            sa.update(boards)
            .where(boards.c.id == sa.bindparam("row"))
            .values(
                first_received_at=sa.func.coalesce(boards.c.first_received_at, at),
                last_received_at=sa.case(
                    (boards.c.last_received_at > at, boards.c.last_received_at), else_=at
                ),
                last_time=sa.bindparam("clock"),
            ),
            [{"row": found[name], "clock": time} for name, time in seen.items()],
        )
    return found


def _found_boards(connection: sa.Connection, names: Iterable[str]) -> dict[str, int]:
    boards = tables.boards
    rows = _looked_up(connection, sa.select(boards.c.name, boards.c.id), boards.c.name, names)
    return {name: row for name, row in rows}


def _fresh(
    connection: sa.Connection, table: sa.Table, wanted: Sequence[tuple[int, Received]]
) -> list[tuple[int, Received]]:
    """Those of which neither the id nor what they say is known of the board."""
    c = table.c
    ids = {one.id.bytes for _, one in wanted}
    keys = {one.key for _, one in wanted}
    known: set[tuple[int, bytes]] = set()
    known.update(map(tuple, _looked_up(connection, sa.select(c.board_id, c.item), c.item, ids)))
    known.update(map(tuple, _looked_up(connection, sa.select(c.board_id, c.key), c.key, keys)))
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
    connection.execute(sa.insert(table), rows)
    crops = {(board, one.id.bytes): one.crop for board, one in fresh if one.crop is not None}
    if crops:
        c = table.c
        found = _looked_up(
            connection, sa.select(c.board_id, c.item, c.id, c.at), c.item, {item for _, item in crops}
        )
        jpegs = [
            {"event_id": row, "at": at, "jpeg": crops[board, bytes(item)]}
            for board, item, row, at in found
            if (board, bytes(item)) in crops
        ]
        connection.execute(sa.insert(tables.crops), jpegs)


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
    plates = tables.plates
    wanted = set(texts)
    found = _found_plates(connection, wanted)
    missing: list[Looks] = [looks_of(text) for text in sorted(wanted - found.keys())]
    if missing:
        rows = [{"text": m.text, "folded": m.folded, "backwards": m.backwards} for m in missing]
        connection.execute(sa.insert(plates), rows)
        found |= _found_plates(connection, [m.text for m in missing])
    return found


def _found_plates(connection: sa.Connection, texts: Iterable[str]) -> dict[str, int]:
    plates = tables.plates
    rows = _looked_up(connection, sa.select(plates.c.text, plates.c.id), plates.c.text, texts)
    return {text: row for text, row in rows}


def _looked_up(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], values: Iterable[Any]
) -> list[Any]:
    everything = list(values)
    found: list[Any] = []
    for start in range(0, len(everything), _AT_ONCE):
        found += connection.execute(query.where(column.in_(everything[start : start + _AT_ONCE])))
    return found
