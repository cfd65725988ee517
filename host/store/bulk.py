"""Many values in one statement whose text does not depend on how many they are.

So PostgreSQL prepares it once, and is asked once: values go as arrays. SQLite, which is no process of its
own, takes a row at a time as fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_AT_ONCE = 500
"""Values in one IN: more are slower to prepare than to look up in turns."""


class Lookup:
    """Rows of *query* whose *column* has one of some values."""

    def __init__(self, query: sa.Select[Any], column: sa.Column[Any]) -> None:
        values = sa.bindparam("values", type_=postgresql.ARRAY(column.type))
        self._array = query.where(column == sa.any_(values))
        self._turns = query.where(column.in_(sa.bindparam("values", expanding=True)))

    def __call__(self, connection: sa.Connection, values: Iterable[Any]) -> list[Any]:
        """The rows, in no order."""
        wanted = list(values)
        if not wanted:
            return []
        if has_arrays(connection):
            return list(connection.execute(self._array, {"values": wanted}))
        found: list[Any] = []
        for start in range(0, len(wanted), _AT_ONCE):
            found += connection.execute(self._turns, {"values": wanted[start : start + _AT_ONCE]})
        return found


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[Any], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """Whether *column* is one of *values*."""
    if not has_arrays(connection):
        return column.in_(values)
    return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(column.type)))


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*, which have the same columns."""
    if not rows:
        return
    if not has_arrays(connection):
        connection.execute(sa.insert(table), list(rows))
        return
    connection.execute(_insert(table, tuple(rows[0])), arrays_of(rows))


@lru_cache(maxsize=64)
def given(table: sa.Table, names: tuple[str, ...]) -> sa.TableValuedAlias:
    """Rows that are bound as an array for each of *names*, columns of *table*. PostgreSQL's alone."""
    arrays = [sa.bindparam(f"all_{name}", type_=postgresql.ARRAY(table.c[name].type)) for name in names]
    return sa.func.unnest(*arrays).table_valued(*names).render_derived()


def arrays_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """*rows*, which have the same columns, as what `given` is bound to."""
    return {f"all_{name}": [row[name] for row in rows] for name in rows[0]}


@lru_cache(maxsize=64)
def _insert(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    rows = given(table, names)
    return sa.insert(table).from_select(names, sa.select(*(rows.c[name] for name in names)))


def has_arrays(connection: sa.Connection) -> bool:
    """Whether it is PostgreSQL."""
    return connection.dialect.name == "postgresql"
