"""Items as boards send them, for tests of the store and of what is built on it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from device_runtime.delivery.item import Item, encode, new_id
from device_runtime.follow.event import Direction, Event
from device_runtime.report.health import Health, Machine, RunningBundle
from host.store.received import Received, received
from tests.reports import made

SPOOL = str(uuid.UUID(int=0xB0A2D))


def event(text: str = "粤B12345", first_seen: datetime | None = None, **more: Any) -> Event:
    """A passage that was seen just now, unless told otherwise."""
    begin = first_seen or datetime.now(timezone.utc)
    told: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "complete": False,
        "text": text,
        "confidence": 0.9,
        "character_confidences": (0.9,) * len(text),
        "alternatives": (),
        "listed": None,
        "readings": 7,
        "first_seen": begin,
        "last_seen": begin + timedelta(seconds=1),
        "duration_s": 1.0,
        "clock_synchronized": True,
        "direction": Direction(across="left"),
        "source": "camera",
        "corners": None,
        "width": None,
    }
    return Event(**told | more)


def health(created_at: datetime | None = None, **more: Any) -> Health:
    """A report of a run that has just begun, unless told otherwise."""
    told: dict[str, Any] = {
        "run": str(uuid.uuid4()),
        "created_at": created_at or datetime.now(timezone.utc),
        "clock_synchronized": True,
        "uptime_s": 60.0,
        "since_s": 60.0,
        "bundle": RunningBundle(manifest_sha256="0" * 64, target="rpi4", precision="int8"),
        "lpr_run": "0.1.0",
        "frames": 600,
        "unreadable": 0,
        "events": 3,
        "stages": {},
        "machine": Machine(temperature_c=61.5, throttling="none"),
    }
    return Health(**told | more)


def encoded(kind: str, body: Any, *, sequence: int = 1, time: datetime | None = None, **more: Any) -> bytes:
    """The item around *body*, a record or a dict, as it goes over a line; *more* is of a newer board."""
    item = Item(
        id=new_id(),
        spool=SPOOL,
        sequence=sequence,
        kind=kind,
        time=time or datetime.now(timezone.utc),
        body=msgspec.to_builtins(body),
    )
    return msgspec.json.encode(msgspec.to_builtins(item) | more) if more else encode(item)


def came(kind: str, body: Any, *, sequence: int = 1, time: datetime | None = None, **more: Any) -> Received:
    """The same, received."""
    return received(encoded(kind, body, sequence=sequence, time=time, **more), "gate")


def events(*texts: str) -> list[Received]:
    """An event for each text."""
    return [came("event", event(text), sequence=i + 1) for i, text in enumerate(texts)]


def a_report() -> Received:
    """A benchmark report."""
    return came("report", made())
