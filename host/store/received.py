"""What came from a board, checked, with what the database has columns for: bytes → `Received`."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import msgspec

from device_runtime.delivery import item
from device_runtime.errors import FatalError
from device_runtime.follow.event import EVENT_VERSION, Event
from device_runtime.follow.look_alike import normalised
from device_runtime.report.health import HEALTH, Health
from device_runtime.report.report import REPORT, Report
from device_runtime.schema import Format
from host.store.moments import now

EVENT = Format(
    schema=Event,
    what="an event",
    version=EVENT_VERSION,
    version_key="event_version",
    todo="send what lpr-run spooled",
    outdated="update lpr-host",
    max_bytes=item.MAX_ITEM_BYTES,
)
"""How events are checked."""

MAX_CROP_BYTES = 256 << 10
"""No picture of a plate is larger."""

FORMATS: dict[str, Format[Any]] = {"event": EVENT, "health": HEALTH, "report": REPORT}
"""Kind of an item → how its body is checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One item.

    Attributes:
        id: the item's.
        key: of what it says, 16 bytes: equal in items that a board sent to several destinations.
        spool, sequence: as of the item; None where only its body came.
        kind: as of the item.
        time: by the board's clock, UTC.
        happened: what the body says, where a time server had set the board's clock; else None.
        body: None where its kind or version is not known here.
        plate: the event's text, normalised; None where there is none.
        crop: a JPEG of the plate, which is not in `raw`.
        raw: the item, UTF-8 JSON.
    """

    id: uuid.UUID
    key: bytes
    spool: uuid.UUID | None
    sequence: int | None
    kind: str
    time: datetime
    happened: datetime | None
    body: Event | Health | Report | None
    plate: str | None
    crop: bytes | None
    raw: bytes


def received(data: bytes, source: str) -> Received:
    """Check an item.

    Args:
        data: UTF-8 JSON, as `delivery.item.encode` makes it, perhaps by a newer board.
        source: what to name in an error, e.g. the board.

    Raises:
        FatalError: it is no item, or its body is not what its kind says, naming *source*, key and bad value.
    """
    found = item.decode(data, source)
    body = _body(found.kind, found.body, item.body_of(data), source)
    data, crop = _without_crop(found, data, source)
    return _received(found, body, crop, data, source, whole=True)


def of_body(kind: str, data: bytes, source: str) -> Received:
    """Check what came without the item around it, e.g. an event over MQTT.

    It gets an id that is made of what it says, so that it is the same when it comes again.

    Args:
        kind: "event", "health" or "report".
        data: the body, UTF-8 JSON.
        source: what to name in an error.

    Raises:
        FatalError: it is not what its kind says, naming *source*, key and bad value.
    """
    if len(data) > item.MAX_ITEM_BYTES:
        raise FatalError(source, f"is longer than {item.MAX_ITEM_BYTES >> 10} KiB", item.ITEM.todo)
    try:
        raw = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise FatalError(source, f"is no JSON object ({error})", item.ITEM.todo) from None
    body = _body(kind, raw, data, source)
    identity = _uuid_of(_key(kind, body, raw))
    made = item.Item(id=identity, spool=identity, sequence=1, kind=kind, time=now(), body=raw)
    whole = item.encode(made)
    whole, crop = _without_crop(made, whole, source)
    return _received(made, body, crop, whole, source, whole=False)


def _body(kind: str, raw: dict[str, Any], data: bytes, source: str) -> Event | Health | Report | None:
    known = FORMATS.get(kind)
    if known is None:
        return None
    version = raw.get(known.version_key)
    if type(version) is int and version > known.version:
        return None
    found: Event | Health | Report = known.decode(data, f"{source}: body")
    return found


def _without_crop(whole: item.Item, data: bytes, source: str) -> tuple[bytes, bytes | None]:
    """The picture goes into a table of its own, and is deleted sooner."""
    if whole.kind != "event" or whole.body.get("crop") is None:
        return data, None
    try:
        crop = msgspec.convert(whole.body["crop"], bytes)
    except msgspec.ValidationError:
        raise FatalError(source, "body: crop: is no base64", item.ITEM.todo) from None
    if not crop.startswith(b"\xff\xd8\xff") or len(crop) > MAX_CROP_BYTES:
        why = f"body: crop: is no JPEG of at most {MAX_CROP_BYTES >> 10} KiB"
        raise FatalError(source, why, item.ITEM.todo)
    everything = msgspec.json.decode(data)
    del everything["body"]["crop"]
    return msgspec.json.encode(everything), crop


def _received(
    found: item.Item,
    body: Event | Health | Report | None,
    crop: bytes | None,
    raw: bytes,
    source: str,
    *,
    whole: bool,
) -> Received:
    try:
        time = found.time.astimezone(timezone.utc)
    except OverflowError:
        raise FatalError(source, "time: is before the year 1 or after 9999", item.ITEM.todo) from None
    return Received(
        id=uuid.UUID(found.id),
        key=_key(found.kind, body, found.body),
        spool=uuid.UUID(found.spool) if whole else None,
        sequence=found.sequence if whole else None,
        kind=found.kind,
        time=time,
        happened=_happened(body),
        body=body,
        plate=(normalised(body.text) or None) if isinstance(body, Event) else None,
        crop=crop,
        raw=raw,
    )


_LEAST_TIME = datetime(2020, 1, 1, tzinfo=timezone.utc)
"""Before there were such boards."""


def _happened(body: Event | Health | Report | None) -> datetime | None:
    match body:
        case (
            Event(clock_synchronized=True, first_seen=time) | Health(clock_synchronized=True, created_at=time)
        ):
            return time if time >= _LEAST_TIME else None
        case _:
            return None


def _key(kind: str, body: Event | Health | Report | None, raw: dict[str, Any]) -> bytes:
    said: tuple[str, ...]
    match body:
        case Event():
            said = (body.id, str(body.complete))
        case Health():
            said = (body.run, body.created_at.isoformat())
        case Report():
            said = (body.created_at, body.bundle.manifest_sha256)
        case None:
            said = (msgspec.json.encode(raw, order="sorted").decode(),)
    return hashlib.blake2b("\0".join((kind, *said)).encode(), digest_size=16).digest()


def _uuid_of(key: bytes) -> str:
    """A UUID of version 8 (RFC 9562, 5.8), which only whoever makes it understands."""
    bits = int.from_bytes(key, "big") & ~(0xF << 76) & ~(0x3 << 62)
    return str(uuid.UUID(int=bits | 8 << 76 | 2 << 62))
