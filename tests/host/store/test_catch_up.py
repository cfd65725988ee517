from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from host.store.database import Database, connect
from host.store.store import Store, open_store
from host.store.values import Search
from tests.items import came, event, health


def _forget(database: Database, what: str) -> None:
    """As if an lpr-host that knew less had opened it last."""
    with database.writing() as connection:
        connection.execute(sa.text(f"DELETE FROM settings WHERE name = '{what}'"))


def test_plates_are_folded_anew_where_look_alikes_have_changed(store: Store, url: str) -> None:
    store.add("gate", [came("event", event("粤812345"))])
    database = connect(url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE plates SET folded = 'X', backwards = 'X'"))
    assert not store.events(Search(plate="粤B12345", distance=1)).rows
    _forget(database, "folding")
    database.close()
    with open_store(url) as again:
        assert len(again.events(Search(plate="粤B12345", distance=1)).rows) == 1


def test_what_was_put_aside_is_read_once_it_is_understood(store: Store, url: str) -> None:
    passage, state = came("event", event("A1111")), came("health", health())
    # As a host that did not know their versions stored them.
    store.add("gate", [replace(passage, body=None), replace(state, body=None), came("weather", {})])
    received_at = store.others().rows[0].received_at
    assert not store.events().rows
    database = connect(url)
    _forget(database, "understood")
    database.close()
    with open_store(url) as again:
        (found,) = again.events(Search(plate="A1111")).rows
        assert (found.item, found.received_at) == (str(passage.id), received_at)
        assert [one.health for one in again.health("gate")] == [state.body]
        assert [one.kind for one in again.others().rows] == ["weather"]
