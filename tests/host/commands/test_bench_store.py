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
    assert "1000 events stored" in done.stdout and "a plate, distance 1.5" in done.stdout
    with open_store(db) as store:
        assert sum(1 for _ in store.every_event()) == 1000


def test_a_database_with_events_in_it_is_not_filled_up(tmp_path: Path) -> None:
    db = str(tmp_path / "lpr.db")
    with open_store(db) as store:
        store.add("gate", events("A1111"))
    done = CliRunner().invoke(main, ["bench-store", "--db", db, "--items", "1000"])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"error: {db}: has events in it – name a database that is empty"
