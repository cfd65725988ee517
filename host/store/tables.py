"""The tables, as the newest migration leaves them.

Every item has a row in the table of its kind. Rows of `plates` are texts that events have, once each, with
what they are searched by; see `plates`.

    boards ─┬─< tokens
            ├─< events >── plates          events ── crops
            ├─< health
            ├─< reports
            └─< others

Times are microseconds since 1970, see `moments`. Texts that are compared by range have the collation of code
points, which SQLite's own is.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only where the type is INTEGER, which there has 64 bits.
Row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is ordered by code points."""

boards = sa.Table(
    "boards",
    METADATA,
    sa.Column("id", Row, primary_key=True),
    sa.Column("name", Code, nullable=False, unique=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("first_received_at", sa.BigInteger),
    sa.Column("last_received_at", sa.BigInteger),
    sa.Column("last_time", sa.BigInteger),
    sqlite_autoincrement=True,
)

tokens = sa.Table(
    "tokens",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("board_id", Row, sa.ForeignKey("boards.id"), nullable=False, index=True),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
)

settings = sa.Table(
    "settings",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

plates = sa.Table(
    "plates",
    METADATA,
    sa.Column("id", Row, primary_key=True),
    sa.Column("text", Code, nullable=False, unique=True),
    sa.Column("folded", Code, nullable=False),
    sa.Column("backwards", Code, nullable=False),
    # With all that a search reads: thousands of candidates would be as many places in the table.
    sa.Index(None, "folded", "text", "id"),
    sa.Index(None, "backwards", "text", "id"),
    sqlite_autoincrement=True,
)


def _items(name: str, *more: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", Row, primary_key=True),
        sa.Column("board_id", Row, sa.ForeignKey("boards.id"), nullable=False),
        sa.Column("item", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("spool", sa.LargeBinary),
        sa.Column("sequence", sa.BigInteger),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *more,
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("item", "board_id"),
        sa.UniqueConstraint("key", "board_id"),
        sa.Index(None, "at", "id"),
        sa.Index(None, "board_id", "at", "id"),
        # Of rows that were deleted no id is given again: who has seen one has seen all below.
        sqlite_autoincrement=True,
    )


events = _items(
    "events",
    sa.Column("plate_id", Row, sa.ForeignKey("plates.id")),
    sa.Index(None, "plate_id", "at", "id"),
)
health = _items("health")
reports = _items("reports")
others = _items("others", sa.Column("kind", sa.Text, nullable=False))

crops = sa.Table(
    "crops",
    METADATA,
    sa.Column(
        "event_id", Row, sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("jpeg", sa.LargeBinary, nullable=False),
)

BY_KIND = {"event": events, "health": health, "report": reports}
"""Kind of an item that is understood → its table; `others` has the rest."""
