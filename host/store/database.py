"""A connection to SQLite or PostgreSQL that keeps its word: what is committed is on disk."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from device_runtime.errors import FatalError
from host.store.faults import Unavailable, explained

BUSY_S = 5.0
"""How long a lock that another program holds is waited for, and a server that does not answer."""

_WRITERS = 0x6C7072
"""Of PostgreSQL's advisory locks the one that writers take, "lpr" in ASCII."""

_TAKE_TURN = sa.select(sa.func.pg_advisory_xact_lock(_WRITERS))

_TODO = "name sqlite:///FILE or postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True, kw_only=True)
class Database:
    """A pool of connections.

    Attributes:
        engine: of SQLAlchemy.
        name: what errors call it: the address without a password, or the file.
        file: SQLite's.
        turn: of the threads that write. They would wait for each other in the database, too, but SQLite's
            waiting is asking again after up to 0.1 s.
    """

    engine: sa.Engine
    name: str
    file: Path | None
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, else PostgreSQL."""
        return self.file is not None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database.

        Raises:
            Unavailable: the database cannot do it.
        """
        with self._faults(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, patience_s: float = BUSY_S) -> Iterator[sa.Connection]:
        """A transaction, committed at the end; of all programs one at a time has one.

        So ids rise in the order of commits, and what was looked up is still so when it is acted on.

        Args:
            patience_s: how long it waits for its turn.

        Raises:
            Unavailable: the database cannot do it; nothing of it was done.
        """
        options = {"lpr_patience_ms": round(1000 * patience_s)}
        with (
            self._in_turn(patience_s),
            self._faults(),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            if not self.is_sqlite:
                if patience_s != BUSY_S:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {options['lpr_patience_ms']}")
                connection.execute(_TAKE_TURN)
            yield connection

    def overwrite(self, *tables: str) -> None:
        """Bring deletions to where the rows were: SQLite's log and PostgreSQL's *tables* still have them.

        Raises:
            Unavailable: the database cannot do it.
        """
        with self._faults():
            if not self.is_sqlite:
                with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")
                return
            with self.engine.connect() as connection:
                # As its first statement, before any transaction.
                driver = connection.connection.driver_connection
                assert driver is not None
                (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            why = "is read by another program, so that its log still has what was deleted"
            raise Unavailable(self.name, why, "stop that, and do it again")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _in_turn(self, patience_s: float) -> Iterator[None]:
        if not self.turn.acquire(timeout=patience_s):
            raise Unavailable(self.name, "is being written to", "try again")
        try:
            yield
        finally:
            self.turn.release()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except exc.TimeoutError:
            raise Unavailable(self.name, "all connections are in use", "try again") from None
        except (exc.IntegrityError, exc.DataError):
            # What was to be stored is at fault, not the database.
            raise
        except exc.DBAPIError as error:
            raise explained(self.name, error.orig or error) from None


def connect(url: str) -> Database:
    """Prepare connections to the database at *url*; none is made yet.

    Args:
        url: `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; a file's name alone is SQLite's.

    Raises:
        FatalError: it is neither.
    """
    try:
        parsed = sa.make_url(url if "://" in url or url.startswith("sqlite:") else f"sqlite:///{url}")
    except (exc.ArgumentError, ValueError):
        raise FatalError("the database's address", "cannot be understood", _TODO) from None
    name = parsed.render_as_string(hide_password=True)
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:" or parsed.query:
                raise FatalError(name, "names no file", _TODO)
            file = Path(parsed.database)
            return Database(engine=_sqlite(file), name=str(file), file=file)
        case "postgresql":
            return Database(engine=_postgresql(parsed), name=name, file=None)
        case other:
            raise FatalError(name, f"{other} is not supported", _TODO)


def _sqlite(file: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        connect_args={"timeout": BUSY_S, "isolation_level": None, "check_same_thread": False},
        pool_size=8,
        pool_timeout=BUSY_S,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        _write_ahead(connection)
        # FULL: a commit returns when it is on disk, also of WAL. What is deleted is overwritten: plates are
        # personal data.
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # The driver's own BEGIN comes too late, and a reader that becomes a writer may be refused.
        patience_ms = connection.get_execution_options().get("lpr_patience_ms")
        if patience_ms is None:
            connection.exec_driver_sql("BEGIN")
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout={patience_ms}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers and a writer at once. SQLite does not wait where two programs ask for it at the same time."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _postgresql(url: sa.URL) -> sa.Engine:
    wait_ms = round(1000 * BUSY_S)
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": wait_ms,
        # A collector that stopped in the middle would keep all the others waiting.
        "idle_in_transaction_session_timeout": 2 * wait_ms,
        "timezone": "UTC",
        "client_encoding": "UTF8",
    }
    connect_args: dict[str, Any] = {
        "connect_timeout": round(BUSY_S),
        "options": " ".join(f"-c {key}={value}" for key, value in settings.items()),
        "application_name": "lpr-host",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 4 * wait_ms,
    }
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=connect_args,
        pool_size=8,
        pool_timeout=BUSY_S,
        pool_pre_ping=True,
    )
