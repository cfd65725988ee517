"""Spools with items in them, for the tests of what sends them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from device_runtime.delivery.item import Item, encode, new_id
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry


def entry(spool: Spool, kind: str = "event", size: int = 100, body: dict[str, Any] | None = None) -> Entry:
    """The next item of *spool*: *body*, or *size* characters."""
    sequence, identity = spool.last_sequence + 1, new_id()
    item = Item(
        id=identity,
        spool=spool.identity,
        sequence=sequence,
        kind=kind,
        time=datetime.now(timezone.utc),
        body={"x": "x" * size} if body is None else body,
    )
    return Entry(sequence, identity, kind, encode(item))


def fill(spool: Spool, n: int, kind: str = "event", size: int = 100) -> list[Entry]:
    """Append *n* items."""
    entries = []
    for _ in range(n):
        entries.append(entry(spool, kind, size))
        spool.append(entries[-1])
    spool.sync()
    return entries


def spool_with(folder: Path, *texts: str) -> Spool:
    """A spool in *folder* of events that say no more than their text."""
    spool = Spool(folder)
    for text in texts:
        spool.append(entry(spool, body={"text": text}))
    spool.sync()
    return spool
