from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store.database import connect
from host.store.faults import Unavailable
from host.store.store import Store, open_store
from tests.items import events
from tests.postgresql import Postgresql


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where SQLite's database is made."""
    return tmp_path / "lpr.db"


def stored(store: Store) -> list[str]:
    return [one.event.text for one in store.every_event()]


def test_sqlite_syncs_what_it_commits_and_overwrites_what_it_deletes(file: Path) -> None:
    database = connect(str(file))
    with database.writing() as connection:
        for pragma, value in {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "secure_delete": 1,
            "busy_timeout": 5000,
        }.items():
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value, pragma
    database.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://host/lpr", "mysql is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://host:port/x", "cannot be understood"),
        ("no-such-folder/lpr.db", "cannot be opened"),
    ],
)
def test_an_address_that_is_no_database_is_one_line(url: str, why: str) -> None:
    with pytest.raises(FatalError, match=why):
        open_store(url)


def test_a_file_that_is_no_database_is_left_as_it_is(file: Path) -> None:
    file.write_text("my diary, which is longer than the beginning of a database\n" * 20)
    with pytest.raises(Unavailable, match=r"lpr\.db: is no SQLite database, or its beginning is damaged"):
        open_store(str(file))
    assert file.read_text().startswith("my diary")


def test_a_damaged_database_is_one_line_and_nothing_is_acknowledged(file: Path) -> None:
    with open_store(str(file)) as store:
        store.add("gate", events(*map(str, range(50))))
    data = bytearray(file.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 100] = b"\xa5" * 100
    file.write_bytes(data)
    with (
        pytest.raises(Unavailable, match=r"lpr\.db: is damaged – restore a copy"),
        open_store(str(file)) as store,
    ):
        store.add("gate", events("A1111"))


def test_a_database_that_another_program_locks_is_one_line_until_it_is_free(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(str(file)) as store:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(Unavailable, match=r"is locked by another program – stop it"),
            store._database.writing(0.05),
        ):
            pass
        # Who reads need not wait.
        assert stored(store) == []
        other.execute("COMMIT")
        other.close()
        store.add("gate", events("A1111"))
        assert stored(store) == ["A1111"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As if there were no room for longer ones. Python ignores the signal, and the kernel says EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line_and_loses_nothing_that_was_acknowledged(file: Path) -> None:
    with open_store(str(file)) as store:
        store.add("gate", events("A1111"))
        room = file.with_name("lpr.db-wal").stat().st_size + 20_000
        with largest_file(room), pytest.raises(Unavailable, match="the disk is full"):
            for _ in range(20):
                store.add("gate", events("B2222"))
        before = stored(store)
        assert "A1111" in before
        store.add("gate", events("C3333"))
        assert stored(store) == ["C3333", *before]


def test_a_full_disk_as_sqlite_says_it(file: Path) -> None:
    database = connect(str(file))
    with pytest.raises(Unavailable, match="cannot grow: the disk is full"), database.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("CREATE TABLE more AS SELECT zeroblob(1000000)")
    database.close()


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("53100", "cannot grow: the server's disk is full"),
        ("53300", "has no connection left"),
        ("XX001", "is damaged"),
        ("42P01", r"fails \(there is no such thing"),
    ],
)
def test_what_postgresql_reports_is_one_line(postgresql: Postgresql, state: str, why: str) -> None:
    database = connect(postgresql.url())
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'there is no such thing' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(Unavailable, match=why), database.writing() as connection:
        connection.execute(sa.text(raised))
    database.close()


def test_postgresql_that_another_program_locks_is_one_line(postgresql: Postgresql) -> None:
    one, other = connect(postgresql.url()), connect(postgresql.url())
    with (
        one.writing(),
        pytest.raises(Unavailable, match="is locked by another program"),
        other.writing(0.05),
    ):
        pass
    one.close()
    other.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_postgresql_stops_and_starts_and_nothing_acknowledged_is_lost(
    postgresql: Postgresql, how: signal.Signals
) -> None:
    with open_store(postgresql.new_database()) as store:
        store.add("gate", events("A1111"))
        postgresql.stop(how)
        try:
            with pytest.raises(Unavailable, match=r"^postgresql://lpr@/test\d+\S*: fails \("):
                store.add("gate", events("B2222"))
            with pytest.raises(Unavailable):
                store.boards()
        finally:
            postgresql.start()
        assert stored(store) == ["A1111"]
        store.add("gate", events("C3333"))
        assert stored(store) == ["C3333", "A1111"]


def test_what_was_acknowledged_outlives_kill_9(url: str) -> None:
    code = (
        "import sys\n"
        "from host.store.store import open_store\n"
        "from tests.items import events\n"
        "with open_store(sys.argv[1]) as store:\n"
        "    while True: print(*store.add('gate', events(*'ABC')).stored, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [item for _ in range(20) for item in process.stdout.readline().split()]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().split()
    with open_store(url) as store:
        kept = [one.item for one in store.every_event()]
    assert len(kept) == len(set(kept)) and set(acknowledged) <= set(kept)
