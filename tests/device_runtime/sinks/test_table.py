from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.sinks.table import COLUMNS, Table
from tests.device_runtime.results import event


def passage(text: str, **changes: object) -> Passage:
    return Passage(event=msgspec.structs.replace(event(text), **changes), frame=None, crop=None)


def test_events_are_rows_under_one_header(tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.csv"
    for text in ("京A1", "京A2"):
        Table(path).tell(passage(text))
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert [row["text"] for row in rows] == ["京A1", "京A2"]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["first_seen"] == "2026-11-26T12:00:00.000+08:00" and rows[0]["depth"] == "towards"


def test_a_torn_line_is_ended_and_a_file_that_is_moved_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    Table(path).tell(passage("京A1"))
    with path.open("ab") as file:
        file.write(b"2026-11-26T12")
    table = Table(path)
    table.tell(passage("京A2"))
    assert [row["text"] for row in csv.DictReader(path.open(encoding="utf-8", newline=""))] == [
        "京A1",
        None,
        "京A2",
    ]
    path.rename(tmp_path / "old.csv")
    table.tell(passage("京A3"))
    assert [row["text"] for row in csv.DictReader(path.open(encoding="utf-8", newline=""))] == ["京A3"]


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@x", "=cmd|' /C calc'!A0"])
def test_formulas_and_control_characters_are_harmless(tmp_path: Path, evil: str) -> None:
    Table(tmp_path / "e.csv").tell(passage("京A1", listed=evil, source='a\n"b",\x1b[2J\x00c'))
    (row,) = csv.DictReader((tmp_path / "e.csv").open(encoding="utf-8", newline=""))
    assert row["listed"] == f"'{evil}"
    assert row["source"] == 'a "b", [2J c'


def test_another_files_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FatalError, match="has other columns"):
        Table(tmp_path / "e.csv")
    with pytest.raises(FatalError, match="cannot be written"):
        Table(tmp_path / "e.csv" / "x")


def test_a_disk_that_is_full_at_the_start_may_have_room_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Table, "_append", full)
        table = Table(tmp_path / "e.csv")
        with pytest.raises(FatalError, match="No space left on device"):
            table.tell(passage("京A1"))
    table.tell(passage("京A2"))
    assert [
        row["text"] for row in csv.DictReader((tmp_path / "e.csv").open(encoding="utf-8", newline=""))
    ] == ["京A2"]
