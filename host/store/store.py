"""A database of what boards have sent, for any number of threads; several processes may share one."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store import query, retention, tables, token
from host.store.bulk import Lookup
from host.store.catch_up import catch_up
from host.store.database import Database, connect
from host.store.migrate import migrate
from host.store.moments import microseconds, now
from host.store.received import Received
from host.store.values import (
    Accepted,
    Board,
    Counts,
    Erased,
    Page,
    Retention,
    Retired,
    Search,
    StoredEvent,
    StoredHealth,
    StoredOther,
    StoredReport,
)
from host.store.writer import Grouping, Writer

MAX_NAME = 64
"""Characters of a board's name."""


def open_store(url: str, grouping: Grouping | None = None) -> Store:
    """Open the database at *url*; makes it, or brings it up to date.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; a file's name alone is SQLite's.
        grouping: how much is stored together, and how much may wait.

    Raises:
        FatalError: it is no such address, or a newer lpr-host or another program made the database.
        Unavailable: the database cannot be reached, is locked or damaged.
    """
    database = connect(url)
    try:
        migrate(database)
        catch_up(database)
    except BaseException:
        database.close()
        raise
    return Store(database, grouping or Grouping())


class Store:
    """What boards have sent; a context manager that closes it.

    All methods may be called from any thread, wait for the database, and raise `Unavailable` where it cannot
    do what they ask.
    """

    def __init__(self, database: Database, grouping: Grouping) -> None:
        self._database = database
        self._writer = Writer(database, grouping)
        self._retired: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The database's address without a password, or its file."""
        return self._database.name

    # What boards send

    def submit(self, board: str, items: Sequence[Received]) -> Future[Accepted]:
        """Hand over items of the board named *board*, which need not be known; never waits.

        Returns:
            of which the result is there once all of *items* are committed, all together; its exception is
            `Unavailable` where none of them is stored.

        Raises:
            Busy: too much is waiting to be stored.
            FatalError: that is no name of a board.
        """
        return self._writer.submit(_named(board), items)

    def add(self, board: str, items: Sequence[Received]) -> Accepted:
        """Store items of the board named *board*; returns once they are committed.

        Raises:
            Busy: too much is waiting to be stored.
            Unavailable: none of them is stored.
            FatalError: that is no name of a board.
        """
        return self.submit(board, items).result()

    # Reading

    def boards(self, after: str = "", limit: int = 1000) -> tuple[Board, ...]:
        """Boards in the order of their names, with their newest health; those behind the name *after*.

        Raises:
            FatalError: *after* is no name.
        """
        if not after.isprintable():
            raise FatalError("the page", "is none that was given", "start at the first")
        with self._database.reading() as connection:
            return query.boards(connection, tables.boards.c.name > after, limit)

    def board(self, name: str) -> Board | None:
        """The board of that name; None where there is none."""
        if not name.isprintable():
            return None
        with self._database.reading() as connection:
            found = query.boards(connection, tables.boards.c.name == name, 1)
        return found[0] if found else None

    def health(
        self, board: str, since: datetime | None = None, until: datetime | None = None, limit: int = 10_000
    ) -> tuple[StoredHealth, ...]:
        """The newest *limit* health reports of a board, oldest of them first."""
        with self._database.reading() as connection:
            return query.health(connection, board, since, until, limit)

    def reports(
        self, board: str | None = None, *, before: str | None = None, limit: int = 50
    ) -> Page[StoredReport]:
        """Benchmark reports, newest first.

        Raises:
            FatalError: *before* is no `Page.next`.
        """
        with self._database.reading() as connection:
            return query.reports(connection, board, before, limit)

    def events(
        self, search: Search | None = None, *, before: str | None = None, limit: int = 50
    ) -> Page[StoredEvent]:
        """Events, newest first.

        Raises:
            FatalError: *before* is no `Page.next`, or a plate has no letter and no digit, or its distance is
                out of range.
        """
        with self._database.reading() as connection:
            return query.events(connection, search or Search(), before, limit)

    def every_event(self, search: Search | None = None) -> Iterator[StoredEvent]:
        """All that `events` has, page after page."""
        before = None
        while True:
            page = self.events(search, before=before, limit=500)
            yield from page.rows
            if page.next is None:
                return
            before = page.next

    def events_after(self, last: int, limit: int = 100) -> tuple[StoredEvent, ...]:
        """Events that were stored after the one whose `id` is *last*, in that order."""
        with self._database.reading() as connection:
            return query.events_after(connection, last, limit)

    def last_event(self) -> int:
        """The `id` of the event that was stored last, for `events_after`; 0 where there is none."""
        with self._database.reading() as connection:
            return query.last_event(connection)

    def crop(self, event: int) -> bytes | None:
        """The picture of the plate, a JPEG, of the event whose `id` is *event*."""
        with self._database.reading() as connection:
            return query.crop(connection, event)

    def others(
        self, board: str | None = None, *, before: str | None = None, limit: int = 50
    ) -> Page[StoredOther]:
        """Items of kinds and versions that are not known here, newest first.

        Raises:
            FatalError: *before* is no `Page.next`.
        """
        with self._database.reading() as connection:
            return query.others(connection, board, before, limit)

    def counts(self) -> Counts:
        """What this process did since it opened the store, and what waits."""
        tally, (waiting, waiting_bytes) = self._writer.tally, self._writer.waiting
        return Counts(
            stored=dict(tally.stored),
            known=dict(tally.known),
            groups=tally.groups,
            failed=tally.failed,
            busy=tally.busy,
            waiting=waiting,
            waiting_bytes=waiting_bytes,
            retired=dict(self._retired),
        )

    def check(self) -> None:
        """Ask the database something.

        Raises:
            Unavailable: it does not answer.
        """
        with self._database.reading() as connection:
            connection.execute(sa.select(1))

    # Who may send

    def add_token(self, board: str) -> str:
        """A new token for a board, which is made where there is none of that name; older ones stay valid.

        Raises:
            FatalError: that is no name of a board.
        """
        made, at = token.new_token(), microseconds(now())
        with self._database.writing() as connection:
            row = query.board_row(connection, _named(board))
            if row is None:
                connection.execute(sa.insert(tables.boards).values(name=board, created_at=at))
                row = query.board_row(connection, board)
            values = {"name": made.name, "board_id": row, "hash": made.hash, "created_at": at}
            connection.execute(sa.insert(tables.tokens).values(values))
        return made.text

    def revoke(self, board: str) -> int:
        """Make all tokens of a board invalid.

        Returns:
            how many were valid.

        Raises:
            FatalError: there is no such board.
        """
        c = tables.tokens.c
        with self._database.writing() as connection:
            row = query.board_row(connection, board)
            if row is None:
                raise FatalError(f"board {board}", "is unknown", "see lpr-host boards list")
            valid = sa.update(tables.tokens).where(c.board_id == row, c.revoked_at.is_(None))
            return connection.execute(valid.values(revoked_at=microseconds(now()))).rowcount

    def boards_of(self, texts: Sequence[str]) -> tuple[str | None, ...]:
        """For each token of *texts* the board that it was made for; None where it is wrong or revoked."""
        with self._database.reading() as connection:
            rows = _TOKENS(connection, {token.name_of(text) or "" for text in texts})
        found = {row.token: row for row in rows}
        boards: list[str | None] = []
        for text in texts:
            row = found.get(token.name_of(text) or "")
            # Compared also where there is none, which takes as long.
            same = token.matches(text, None if row is None else bytes(row.hash))
            boards.append(row.name if same and row is not None else None)
        return tuple(boards)

    def board_of(self, text: str) -> str | None:
        """The board that the token *text* was made for, or None where it is wrong or revoked."""
        return self.boards_of((text,))[0]

    def revoked(self) -> int:
        """How many tokens are revoked: while it stays the same, what was valid is valid."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.count(tables.tokens.c.revoked_at))) or 0

    def secret(self, name: str) -> bytes:
        """32 random bytes, made once for each *name*, the same in all processes: to sign cookies with."""
        c, name = tables.settings.c, f"secret {name}"
        wanted = sa.select(c.value).where(c.name == name)
        with self._database.reading() as connection:
            found = connection.scalar(wanted)
        if found is None:
            with self._database.writing() as connection:
                found = connection.scalar(wanted)
                if found is None:
                    found = secrets.token_bytes(32)
                    connection.execute(sa.insert(tables.settings).values(name=name, value=found))
        return bytes(found)

    # Deleting

    def retire(self, kept: Retention, today: datetime | None = None) -> Retired:
        """Delete what is older than it may be, and count it; a few thousand rows at a time."""
        retired = retention.retire(self._database, kept, today or now())
        with self._lock:
            self._retired.update(asdict(retired))
        return retired

    def erase(self, plate: str, distance: float | None = None) -> Erased:
        """Delete all events of a plate, with their pictures; as `Search.plate` and `Search.distance`.

        Raises:
            FatalError: it has no letter and no digit, or the distance is out of range.
        """
        return retention.erase(self._database, plate, distance)

    def close(self) -> None:
        """Store what waits, then close all connections."""
        self._writer.close()
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_TOKENS = Lookup(
    sa.select(tables.tokens.c.name.label("token"), tables.boards.c.name, tables.tokens.c.hash)
    .join_from(tables.tokens, tables.boards, tables.tokens.c.board_id == tables.boards.c.id)
    .where(tables.tokens.c.revoked_at.is_(None)),
    tables.tokens.c.name,
)


def _named(board: str) -> str:
    if not 0 < len(board) <= MAX_NAME or not board.isprintable() or board != board.strip():
        todo = f"choose 1 to {MAX_NAME} printable characters"
        raise FatalError(f"board {board[:MAX_NAME]!r}", "is no name of a board", todo)
    return board
