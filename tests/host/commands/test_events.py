from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from host.cli import main
from host.store.store import open_store
from tests.items import events


@pytest.fixture
def db(tmp_path: Path) -> str:
    """Of three passages."""
    url = f"sqlite:///{tmp_path}/lpr.db"
    with open_store(url) as store:
        store.add("gate", events("粤B12345", "粤812345", "沪C99999"))
    return url


def lpr_host(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="lpr-host")


def test_a_plate_is_exported_and_erased(db: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    wanted = ("--plate", "粤B-12345", "--distance", "0", "--db", db)
    told = lpr_host("events", "export", *wanted, "--output", folder).output
    assert told == f"{folder}/events.jsonl: events: 2, pictures: 0\n"
    assert len((tmp_path / "out/events.jsonl").read_text().splitlines()) == 2
    told = lpr_host("events", "erase", *wanted).output
    assert told == "粤812345, 粤B12345: events erased: 2, pictures: 0\n"
    assert lpr_host("events", "erase", *wanted).output == "no such plate: events erased: 0, pictures: 0\n"
    with open_store(db) as store:
        assert [one.event.text for one in store.events().rows] == ["沪C99999"]


def test_a_search_that_makes_no_sense_is_one_line(db: str) -> None:
    for words in (("--plate", "粤*"), ("--plate", "粤B12345", "--distance", "7"), ("--plate", "-")):
        refused = lpr_host("events", "erase", *words, "--db", db)
        assert refused.exit_code == 2 and refused.output.count("\n") == 1
        assert refused.output.startswith("error: the ")
