from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from host.cli import main
from host.store.store import open_store
from tests.items import events


def test_what_was_stored_and_asked_is_a_table(tmp_path: Path) -> None:
    db = str(tmp_path / "lpr.db")
    done = CliRunner().invoke(main, ["bench-store", "--db", db, "--items", "1000"])
    assert done.exit_code == 0, done.output
    assert "1000 events stored" in done.stdout and "page: a plate, distance 1" in done.stdout
    again = CliRunner().invoke(main, ["bench-store", "--db", db, "--filled"])
    assert again.exit_code == 0 and "stored" not in again.stdout and "page: one event" in again.stdout
    with open_store(db) as store:
        assert sum(1 for _ in store.every_event()) == 1000


def test_a_database_with_events_in_it_is_not_filled_up(tmp_path: Path) -> None:
    db = str(tmp_path / "lpr.db")
    with open_store(db) as store:
        store.add("gate", events("A1111"))
    done = CliRunner().invoke(main, ["bench-store", "--db", db, "--items", "1000"])
    assert done.exit_code == 2
    assert (
        done.stderr.splitlines()[-1]
        == f"error: {db}: has events in it – name a database that is empty, or give --filled"
    )


def test_an_empty_database_is_not_asked(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bench-store", "--db", str(tmp_path / "lpr.db"), "--filled"])
    assert done.exit_code == 2 and "has no events in it – leave --filled out" in done.stderr
