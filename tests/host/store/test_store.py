from __future__ import annotations

import msgspec

from host.store.received import of_body
from host.store.store import Store
from host.store.values import Search
from tests.items import a_report, came, event, events, health


def test_what_was_added_is_there(store: Store) -> None:
    passage, report, state = events("粤B12345")[0], a_report(), came("health", health())
    accepted = store.add("gate", [passage, report, state])
    assert accepted.stored == (str(passage.id), str(report.id), str(state.id))
    assert [one.event for one in store.events().rows] == [passage.body]
    assert [one.report for one in store.reports().rows] == [report.body]
    assert [one.health for one in store.health("gate")] == [state.body]
    assert [one.raw for one in store.events().rows] == [passage.raw]


def test_what_comes_again_is_accepted_and_not_stored_again(store: Store) -> None:
    passage = events("粤B12345")[0]
    store.add("gate", [passage])
    again = store.add("gate", [passage, passage])
    assert again.stored == () and again.known == (str(passage.id),) * 2
    assert len(store.events().rows) == 1


def test_the_same_under_another_id_is_the_same(store: Store) -> None:
    passage = event("粤B12345")
    store.add("gate", [came("event", passage), came("event", passage)])
    store.add("gate", [of_body("event", msgspec.json.encode(passage), "gate")])
    assert len(store.events().rows) == 1


def test_a_plate_is_found_by_its_looks(store: Store) -> None:
    store.add("gate", events("粤B12345", "粤812345", "粤B12346", "沪C99999"))
    found = {
        d: [one.event.text for one in store.events(Search(plate="粤b-12345", distance=d)).rows]
        for d in (None, 0, 1)
    }
    assert found == {None: ["粤B12345"], 0: ["粤812345", "粤B12345"], 1: ["粤B12346", "粤812345", "粤B12345"]}
