from __future__ import annotations

import sqlalchemy as sa

from host.store import tables
from host.store.bulk import Lookup, insert_rows, one_of
from host.store.store import Store


def test_a_thousand_rows_go_in_and_are_found(store: Store) -> None:
    c = tables.plates.c
    find = Lookup(sa.select(c.text), c.text)
    texts = [f"粤B{n:05}" for n in range(1200)]
    rows = [{"text": text, "folded": text, "backwards": text[::-1]} for text in texts]
    with store._database.writing() as connection:
        insert_rows(connection, tables.plates, rows)
        insert_rows(connection, tables.plates, [])
        assert sorted(row.text for row in find(connection, [*texts, "none", "'; --"])) == texts
        assert find(connection, []) == []
        wanted = sa.select(c.text).where(one_of(connection, c.text, texts[::100]))
        assert sorted(connection.scalars(wanted)) == texts[::100]
        assert list(connection.scalars(sa.select(c.text).where(one_of(connection, c.text, [])))) == []


def test_nothing_and_bytes_are_kept_as_they_are(store: Store) -> None:
    c = tables.settings.c
    values = [b"", b"\0", bytes(range(256)), b"\\x00"]
    with store._database.writing() as connection:
        rows = [{"name": f"n{i}", "value": value} for i, value in enumerate(values)]
        insert_rows(connection, tables.settings, rows)
        found = Lookup(sa.select(c.name, c.value), c.value)(connection, values)
        assert {name: bytes(value) for name, value in found} == {row["name"]: row["value"] for row in rows}
        insert_rows(connection, tables.boards, [{"name": "gate", "created_at": 1, "last_time": None}])
        assert connection.scalar(sa.select(tables.boards.c.last_time)) is None
