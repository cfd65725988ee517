"""Results as JSON, one object a line."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from device_runtime.sinks.sink import Result, Sink


class JsonLines(Sink):
    """Prints each result on standard output."""

    def add(self, result: Result) -> None:
        click.echo(msgspec.json.encode(as_object(result)))


def as_object(result: Result) -> dict[str, Any]:
    """`source`, `plate`, `confidence`, `characters`, `timings_ms`; with labels also `truth` and `correct`."""
    reading = result.reading
    characters = zip(reading.plate, reading.character_confidences, strict=True)
    found: dict[str, Any] = {
        "source": result.frame.source,
        "plate": reading.plate,
        "confidence": round(reading.confidence, 6),
        "characters": [{"character": c, "confidence": round(p, 6)} for c, p in characters],
        "timings_ms": {stage: round(ms, 5) for stage, ms in result.timings_ms.items()},
    }
    if result.truth is not None:
        found |= {"truth": result.truth, "correct": result.truth == reading.plate}
    return found
