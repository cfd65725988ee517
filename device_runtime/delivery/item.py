"""Item, version 1: what a board sends to its host, whole and once.

Boards and hosts are updated at different times: a field that is added has a default, and readers ignore
fields and pass on kinds they do not know.
"""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import datetime
from typing import Annotated, Any

import msgspec

from device_runtime.errors import FatalError
from device_runtime.schema import Format, Tolerant

ITEM_VERSION = 1

MAX_ITEM_BYTES = 1 << 20
"""No item is longer, as JSON: a receiver holds a whole one in memory."""

KINDS = ("health", "report", "event")
"""What there is to send, the most dispensable first."""

Uuid = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
"""A UUID of any version, in lower case."""

SequenceNumber = Annotated[int, msgspec.Meta(ge=1, le=(1 << 53) - 1)]
"""As large as JSON's readers hold exactly."""


class Item(Tolerant, frozen=True, kw_only=True):
    """One report, health report or event.

    Attributes:
        item_version: of this schema.
        id: UUID, never given twice: what arrives again with the same one is the same item.
        spool: UUID of the spool it was kept in; another one after a board was set up anew.
        sequence: rises by one with each item of a spool. It orders them, whatever the clock did; a number
            that never arrives was dropped on the board.
        kind: one of `KINDS`, or one that a newer board knows.
        time: when it was handed over, by the board's clock, which may have been wrong.
        body: what it says, in the schema of its kind.
    """

    item_version: int = ITEM_VERSION
    id: Uuid
    spool: Uuid
    sequence: SequenceNumber
    kind: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z-]{0,31}$")]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    body: dict[str, Any]


ITEM = Format(
    schema=Item,
    what="an item",
    version=ITEM_VERSION,
    version_key="item_version",
    todo="send what lpr-run spooled",
    outdated="update lpr-host",
    max_bytes=MAX_ITEM_BYTES,
)
"""How items are parsed and checked."""


def encode(item: Item) -> bytes:
    """*item* as JSON in one line."""
    return msgspec.json.encode(item)


def decode(data: bytes, source: str) -> Item:
    """The item in *data*, UTF-8 JSON.

    Args:
        data: what `encode` made, perhaps of a newer version.
        source: what to name in an error.

    Raises:
        FatalError: it is too long, no item or of another version, naming *source*, key and bad value.
    """
    if len(data) > MAX_ITEM_BYTES:
        raise FatalError(source, f"is longer than {MAX_ITEM_BYTES >> 10} KiB", ITEM.todo)
    return ITEM.decode(data, source)


def new_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7): milliseconds, then 74 random bits.

    It is unique whatever the clock says, on boards with cloned SD cards too.
    """
    milliseconds = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


class _Body(msgspec.Struct):
    body: msgspec.Raw


def body_of(data: bytes) -> bytes:
    """The body of an encoded item, as it stands there."""
    return bytes(msgspec.json.decode(data, type=_Body).body)
