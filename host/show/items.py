"""Items from a file: what `lpr-run --events file:` appended, or a collector exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device_runtime.delivery import item
from device_runtime.errors import FatalError
from device_runtime.follow.event import Event
from device_runtime.report.health import Health
from device_runtime.sinks.pictures import name_of
from device_runtime.sources.jpeg import decode_jpeg
from host.show.pictures import Picture, inside
from host.show.seen import plate_of, sentence

_TODO = "name a file of items, as lpr-run --events file:PATH writes it"


@dataclass(frozen=True, kw_only=True)
class Items:
    """What boards sent, by the board's name; the file's where items name none.

    Attributes:
        health: in order.
        events: in order, each with the JPEG of its plate where there is one.
    """

    health: dict[str, list[Health]]
    events: list[tuple[Event, bytes | None]]


class _Named(msgspec.Struct):
    board: str | None = None


def read_items(path: Path, crops: Path | None = None) -> Items:
    """Health reports and events among the items in the file *path*, JSON lines.

    Args:
        path: other kinds, and versions that are not known here, are passed over.
        crops: folder that `lpr-run --save-crops` filled, for pictures of events that hold none.

    Raises:
        FatalError: a file cannot be read, or a line is no item.
    """
    health: dict[str, list[Health]] = {}
    events: list[tuple[Event, bytes | None]] = []
    for number, line in _lines(path):
        found = item.decode(line, f"{path}, line {number}")
        try:
            if found.kind == "health":
                board = msgspec.json.decode(line, type=_Named).board or path.stem
                health.setdefault(board, []).append(msgspec.convert(found.body, Health))
            elif found.kind == "event":
                event = msgspec.convert(found.body, Event)
                events.append((event, _crop(found.body, event, crops)))
        except msgspec.ValidationError as error:
            raise FatalError(f"{path}, line {number}", f"is no {found.kind} ({error})", _TODO) from None
    return Items(health=health, events=events)


def pictures(events: list[tuple[Event, bytes | None]], most: int) -> list[Picture]:
    """The newest *most* events that have a picture, newest first."""
    ordered = sorted(events, key=lambda pair: pair[0].first_seen, reverse=True)
    found = []
    for event, jpeg in ordered:
        image = None if jpeg is None else decode_jpeg(jpeg)
        if image is None or jpeg is None:
            continue
        found.append(
            Picture(
                address=inside(jpeg),
                width=image.shape[1],
                height=image.shape[0],
                alt=f"Plate {plate_of(event)}",
                title=plate_of(event),
                caption=sentence(event),
            )
        )
        if len(found) == most:
            break
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            # One byte more than any item has: a longer line is refused, not read whole.
            for number, line in enumerate(iter(lambda: file.readline(item.MAX_ITEM_BYTES + 2), b""), 1):
                if line.strip():
                    yield number, line.rstrip(b"\n")
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _TODO) from None


def _crop(body: dict[str, object], event: Event, crops: Path | None) -> bytes | None:
    if body.get("crop") is not None:
        return msgspec.convert(body["crop"], bytes)
    path = crops / f"{name_of(event)}.jpg" if crops else None
    return path.read_bytes() if path and path.is_file() else None
