"""Results as JSON, one object a line."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from device_runtime.follow.event import Passage
from device_runtime.reader import Place, Plate, Unread
from device_runtime.sinks.sink import Result, Sink


class JsonLines(Sink):
    """Prints each plate on standard output, and a line for a frame without any."""

    def add(self, result: Result) -> None:
        for found in as_objects(result):
            click.echo(msgspec.json.encode(found))


class JsonEvents(Sink):
    """Prints each event on standard output, as `docs/events.md` describes it."""

    def tell(self, passage: Passage) -> None:
        click.echo(msgspec.json.encode(passage.event))


def as_objects(result: Result) -> list[dict[str, Any]]:
    """One object for each plate of a frame, all with the same keys; at least one.

    | key | value |
    | --- | --- |
    | `source` | file, or camera and number of the frame |
    | `plate` | its text; null for a frame without one, and for a plate that was not read |
    | `unread` | why it was not: "cut" by the frame's edge, or "unsure"; null otherwise |
    | `confidence` | of the text, 0 to 1; null where nothing was read |
    | `characters` | of the text, each with its `confidence` |
    | `corners` | [[x, y], …] in the frame's pixels, clockwise from the plate's top left; null for `--crop` |
    | `rows` | of text, 1 or 2; null for `--crop` |
    | `locator` | that there is a plate, 0 to 1; null for `--crop` |
    | `timings_ms` | of the whole frame, on each of its lines |
    | `truth`, `correct` | with labels only |
    """
    return [_as_object(result, one) for one in result.found] or [_as_object(result, None)]


def _as_object(result: Result, one: Plate | Unread | None) -> dict[str, Any]:
    plate = one if isinstance(one, Plate) else None
    unread = one if isinstance(one, Unread) else None
    reading = one.reading if one else None
    characters = zip(plate.text, plate.character_confidences, strict=True) if plate else ()
    found: dict[str, Any] = {
        "source": result.frame.source,
        "plate": plate.text if plate else None,
        "unread": unread.why if unread else None,
        "confidence": round(reading.confidence, 6) if reading else None,
        "characters": [{"character": c, "confidence": round(p, 6)} for c, p in characters],
        **_located(one.place if one else None),
        "timings_ms": {stage: round(ms, 5) for stage, ms in result.timings_ms.items()},
    }
    if result.truth is not None:
        found |= {"truth": result.truth, "correct": plate is not None and result.truth == plate.text}
    return found


def _located(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {"corners": None, "rows": None, "locator": None}
    corners = [[round(x, 2), round(y, 2)] for x, y in place.corners.tolist()]
    return {"corners": corners, "rows": place.rows, "locator": round(place.score, 6)}
