"""The tables of the first collector."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Not those of `tables`, which go on: a revision stays what it was.
Row = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "boards",
        sa.Column("id", Row, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("first_received_at", sa.BigInteger),
        sa.Column("last_received_at", sa.BigInteger),
        sa.Column("last_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_boards"),
        sa.UniqueConstraint("name", name="uq_boards_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tokens",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("board_id", Row, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", name="pk_tokens"),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name="fk_tokens_board_id"),
    )
    op.create_index("ix_tokens_board_id", "tokens", ["board_id"])
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "plates",
        sa.Column("id", Row, nullable=False),
        sa.Column("text", Code, nullable=False),
        sa.Column("folded", Code, nullable=False),
        sa.Column("backwards", Code, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plates"),
        sa.UniqueConstraint("text", name="uq_plates_text"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plates_folded_text_id", "plates", ["folded", "text", "id"])
    op.create_index("ix_plates_backwards_text_id", "plates", ["backwards", "text", "id"])
    plate = [
        sa.Column("plate_id", Row),
        sa.ForeignKeyConstraint(["plate_id"], ["plates.id"], name="fk_events_plate_id"),
    ]
    _items("events", *plate)
    op.create_index("ix_events_plate_id_at_id", "events", ["plate_id", "at", "id"])
    _items("health")
    _items("reports")
    _items("others", sa.Column("kind", sa.Text, nullable=False))
    op.create_table(
        "crops",
        sa.Column("event_id", Row, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_crops"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_crops_event_id", ondelete="CASCADE"),
    )
    op.create_index("ix_crops_at", "crops", ["at"])


def _items(name: str, *more: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("id", Row, nullable=False),
        sa.Column("board_id", Row, nullable=False),
        sa.Column("item", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("spool", sa.LargeBinary),
        sa.Column("sequence", sa.BigInteger),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *more,
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name=f"fk_{name}_board_id"),
        sa.UniqueConstraint("item", "board_id", name=f"uq_{name}_item_board_id"),
        sa.UniqueConstraint("key", "board_id", name=f"uq_{name}_key_board_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_{name}_at_id", name, ["at", "id"])
    op.create_index(f"ix_{name}_board_id_at_id", name, ["board_id", "at", "id"])
