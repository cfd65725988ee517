from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from host.store.faults import Unavailable
from host.store.received import Received
from host.store.store import Store, open_store
from host.store.values import Retention, Retired, Search
from tests.items import a_report, came, event, events, health

JPEG = msgspec.to_builtins(b"\xff\xd8\xff\xe0 picture")


def pictured(text: str, seen: datetime | None = None) -> Received:
    return came("event", msgspec.to_builtins(event(text, seen)) | {"crop": JPEG})


def test_what_is_older_than_it_may_be_is_deleted_and_counted(store: Store) -> None:
    now = datetime.now(timezone.utc)
    days = [now - timedelta(days=n) for n in (1, 10, 40)]
    store.add("gate", [pictured(f"A{n}", at) for n, at in enumerate(days)])
    store.add("gate", [came("health", health(at)) for at in days])
    store.add("gate", [a_report(), came("weather", {})])
    kept = Retention(events=30, crops=7, health=30, reports=None, others=None)
    assert store.retire(kept) == Retired(events=1, crops=2, health=1)
    assert [(one.event.text, one.has_crop) for one in store.events().rows] == [("A0", True), ("A1", False)]
    assert store.retire(kept) == Retired()
    later = now + timedelta(days=1)
    assert store.retire(Retention(reports=0, others=0), later) == Retired(reports=1, others=1)
    assert store.counts().retired["events"] == 1 and store.counts().retired["crops"] == 2
    # Nothing is left of a plate that no event has.
    assert store.erase("A2").plates == ()


def test_a_plate_is_erased_with_its_pictures(store: Store) -> None:
    store.add("gate", [pictured("粤B12345"), pictured("粤812345"), pictured("粤B12345"), *events("沪C99999")])
    erased = store.erase("粤b 12345")
    assert (erased.plates, erased.events, erased.crops) == (("粤B12345",), 2, 2)
    assert [one.event.text for one in store.events().rows] == ["沪C99999", "粤812345"]
    assert store.erase("粤B12345", 0).plates == ("粤812345",)
    assert store.erase("粤B12345", 1.5).events == 0
    with pytest.raises(FatalError, match="would erase many"):
        store.erase("粤*")
    assert store.events(Search(plate="沪C99999")).rows


def test_an_erased_plate_is_in_no_file(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "lpr.db")) as store:
        store.add("gate", [pictured("粤B12345"), *events("沪C99999")])
        present = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert "粤B12345".encode() in present and b" picture" in present
        store.erase("粤B12345")
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert "沪C99999".encode() in left
        assert "粤B12345".encode() not in left and b" picture" not in left


def test_more_rows_than_one_transaction_deletes_are_all_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.store.retention._AT_ONCE", 3)
    store.add("gate", [pictured("A1111") for _ in range(7)])
    store.add("gate", events(*(f"B{i}" for i in range(7))))
    assert store.erase("A1111").events == 7
    assert store.retire(Retention(events=0), datetime.now(timezone.utc) + timedelta(days=1)).events == 7


def test_an_erasure_that_a_reader_keeps_in_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.store.database.BUSY_S", 0.1)
    with open_store(str(tmp_path / "lpr.db")) as store:
        store.add("gate", events("粤B12345"))
        reader = sqlite3.connect(tmp_path / "lpr.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchone()
        with pytest.raises(Unavailable, match="its log still has what was deleted"):
            store.erase("粤B12345")
        assert not store.events().rows
        reader.close()
        store.erase("粤B12345")
        assert (tmp_path / "lpr.db-wal").stat().st_size == 0
