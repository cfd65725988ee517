"""Events as files, e.g. for whoever asks what is kept of a plate."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device_runtime.delivery.item import body_of
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from host.store.store import Store
from host.store.values import Search, StoredEvent

EVENTS = "events.jsonl"
CROPS = "crops"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """How much was written."""

    events: int
    crops: int


def export(store: Store, search: Search, folder: Path) -> Exported:
    """Write the events that *search* means, newest first.

    Args:
        store: where they are.
        folder: gets `events.jsonl`, a line an event: board, times and the event as it came; and
            `crops/ID.jpg`, where there is a picture.

    Raises:
        FatalError: the file system refuses, or as `Store.events`.
        Unavailable: the database cannot do it.
    """
    events = crops = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{EVENTS}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for one in store.every_event(search):
                    file.write(_line(one))
                    events += 1
                    if one.has_crop and (jpeg := store.crop(one.id)) is not None:
                        write_atomic(folder / CROPS / f"{one.id}.jpg", jpeg)
                        crops += 1
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(folder / EVENTS)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FatalError(
            str(folder), f"cannot be written ({error.strerror})", "free space or choose another folder"
        ) from None
    return Exported(events=events, crops=crops)


def _line(one: StoredEvent) -> bytes:
    told = {
        "id": one.id,
        "board": one.board,
        "at": one.at,
        "time": one.time,
        "received_at": one.received_at,
        "crop": f"{CROPS}/{one.id}.jpg" if one.has_crop else None,
        "event": msgspec.Raw(body_of(one.raw)),
    }
    return msgspec.json.encode(told) + b"\n"
