"""What an lpr-host that knows more than the one before does to rows that are there.

Where the classes of look-alikes have changed, all plates are folded anew; where a version of a kind is newly
understood, items of it that were put aside are read again. Both are done once: what they depend on is kept
in `settings`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store import tables
from host.store.database import Database
from host.store.insert import Submission, insert
from host.store.moments import moment
from host.store.plates import FOLDING, looks_of
from host.store.received import FORMATS, received

LOG = logging.getLogger(__name__)

_AT_ONCE = 1000
_PATIENCE_S = 600.0
"""For another that does the same."""

_UNDERSTOOD = hashlib.sha256(
    repr(sorted((kind, one.version) for kind, one in FORMATS.items())).encode()
).digest()


def catch_up(database: Database) -> None:
    """Do what is to be done; nothing mostly.

    Raises:
        Unavailable: the database cannot do it; what was done is kept, and the rest is done next time.
    """
    _once(database, "folding", FOLDING, _fold)
    _once(database, "understood", _UNDERSTOOD, _reread)


def _once(
    database: Database, name: str, value: bytes, step: Callable[[sa.Connection, int], int | None]
) -> None:
    """Call *step* with the last row it has seen, until it gives None, unless it was done for *value*."""
    c = tables.settings.c
    wanted = sa.select(c.value).where(c.name == name)
    with database.reading() as connection:
        if connection.scalar(wanted) == value:
            return
    last: int | None = 0
    while last is not None:
        with database.writing(_PATIENCE_S) as connection:
            last = step(connection, last)
            if last is None:
                connection.execute(sa.delete(tables.settings).where(c.name == name))
                connection.execute(sa.insert(tables.settings).values(name=name, value=value))


def _fold(connection: sa.Connection, last: int) -> int | None:
    c = tables.plates.c
    rows = connection.execute(sa.select(c.id, c.text).where(c.id > last).order_by(c.id).limit(_AT_ONCE)).all()
    if not rows:
        return None
    looks = [(row.id, looks_of(row.text)) for row in rows]
    connection.execute(
        sa.update(tables.plates)
        .where(c.id == sa.bindparam("row"))
        .values(folded=sa.bindparam("new_folded"), backwards=sa.bindparam("new_backwards")),
        [{"row": row, "new_folded": one.folded, "new_backwards": one.backwards} for row, one in looks],
    )
    return rows[-1].id


def _reread(connection: sa.Connection, last: int) -> int | None:
    o, b = tables.others.c, tables.boards.c
    rows = connection.execute(
        sa.select(o.id, o.raw, o.received_at, b.name)
        .join_from(tables.others, tables.boards, o.board_id == b.id)
        .where(o.id > last, o.kind.in_(FORMATS))
        .order_by(o.id)
        .limit(_AT_ONCE)
    ).all()
    for row in rows:
        try:
            one = received(bytes(row.raw), row.name)
        except FatalError as error:
            LOG.warning("an item that was put aside stays there: %s", error)
            continue
        if one.body is not None:
            insert(connection, [Submission(board=row.name, items=(one,))], moment(row.received_at))
            connection.execute(sa.delete(tables.others).where(o.id == row.id))
    return rows[-1].id if rows else None
