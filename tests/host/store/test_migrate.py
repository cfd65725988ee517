from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from device_runtime.errors import FatalError
from host.store.database import connect
from host.store.store import Store, open_store
from host.store.tables import METADATA
from tests.items import events
from tests.postgresql import Postgresql


def test_the_migrations_make_the_tables_of_the_code(store: Store, url: str) -> None:
    database = connect(url)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def test_what_is_up_to_date_is_left_as_it_is(store: Store, url: str) -> None:
    store.add("gate", events("A1111"))
    with open_store(url) as again:
        assert len(again.events().rows) == 1


def test_collectors_that_start_at_once_make_one_database(url: str) -> None:
    code = (
        "import sys; from host.store.store import open_store\n"
        "sys.stdin.readline()\n"
        "with open_store(sys.argv[1]) as store: print(store.secret('cookies').hex())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    secrets = [one.communicate(timeout=60)[0] for one in started]
    assert [one.returncode for one in started] == [0, 0]
    assert secrets[0] == secrets[1] != ""


def test_a_database_of_a_newer_lpr_host_is_refused(store: Store, url: str) -> None:
    database = connect(url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(FatalError, match=r"made by a newer lpr-host \(revision 9999.* update lpr-host$"):
        open_store(url)


def test_a_database_of_another_program_is_refused(url: str) -> None:
    database = connect(url)
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE invoices (id INTEGER)"))
    database.close()
    with pytest.raises(FatalError, match=r"holds tables of another program \(invoices\)"):
        open_store(url)


def test_a_postgresql_database_that_cannot_hold_every_text_is_refused(postgresql: Postgresql) -> None:
    with psycopg.connect(postgresql.url(), autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    with pytest.raises(FatalError, match="is encoded in SQL_ASCII – create it with UTF8"):
        open_store(postgresql.url("ascii"))
