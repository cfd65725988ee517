from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import pytest

from host.store.faults import Busy, Unavailable
from host.store.store import Store, open_store
from host.store.writer import Grouping
from tests.items import events


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Store]:
    """A store that waits for more until ten are there."""
    with open_store(str(tmp_path / "lpr.db"), Grouping(gather_s=60.0, items=10, waiting=10)) as store:
        yield store


def test_what_arrives_together_is_one_transaction(waiting: Store) -> None:
    futures = [waiting.submit(f"board{i}", events("A1111", "B2222")) for i in range(5)]
    assert [len(future.result(30).stored) for future in futures] == [2] * 5
    assert (waiting.counts().groups, waiting.counts().waiting) == (1, 0)


def test_what_is_too_much_is_turned_away_and_the_rest_is_stored(waiting: Store) -> None:
    first = waiting.submit("gate", events(*map(str, range(9))))
    with pytest.raises(Busy, match="9 items are waiting to be stored") as turned_away:
        waiting.submit("yard", events("A1111", "B2222"))
    assert turned_away.value.retry_after_s > 0
    waiting.submit("yard", events("A1111")).result(30)
    assert len(first.result().stored) == 9
    counts = waiting.counts()
    assert (counts.busy, counts.waiting, counts.waiting_bytes) == (2, 0, 0)


def test_more_than_may_wait_is_taken_where_nothing_waits(waiting: Store) -> None:
    assert len(waiting.add("gate", events(*map(str, range(25)))).stored) == 25


def test_what_nobody_waits_for_any_more_does_no_harm(waiting: Store) -> None:
    gone = waiting.submit("gate", events("A1111"))
    assert gone.cancel()
    stored = waiting.submit("gate", events(*map(str, range(9))))
    assert len(stored.result(30).stored) == 9
    with pytest.raises(CancelledError):
        gone.result()
    assert len(waiting.events().rows) == 9


def test_one_that_cannot_be_stored_leaves_the_others_alone(waiting: Store) -> None:
    good, bad = events("A1111"), [replace(events("B2222")[0], sequence=1 << 80)]
    futures = [
        waiting.submit("gate", good),
        waiting.submit("yard", bad),
        waiting.submit("gate", events(*"12345678")),
    ]
    assert len(futures[0].result(30).stored) == 1 and len(futures[2].result(30).stored) == 8
    with pytest.raises(OverflowError):
        futures[1].result(30)
    assert (waiting.counts().failed, waiting.counts().stored) == (1, {"event": 9})


def test_closing_stores_what_waits(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "lpr.db"), Grouping(gather_s=60.0))
    future = store.submit("gate", events("A1111"))
    store.close()
    assert len(future.result(0).stored) == 1
    with pytest.raises(Unavailable, match="is being closed"):
        store.add("gate", events("B2222"))


def test_many_threads_at_once_store_everything_once(store: Store) -> None:
    items = events(*(f"A{i:04}" for i in range(200)))

    def add(part: int) -> None:
        # Half of it is handed over by another thread, too.
        for start in range(part * 25, part * 25 + 50, 5):
            store.add("gate", [items[i % 200] for i in range(start, start + 5)])

    threads = [threading.Thread(target=add, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.item for one in store.every_event()) == sorted(str(one.id) for one in items)
