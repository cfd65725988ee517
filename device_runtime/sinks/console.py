"""What `lpr-run` prints."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any
from unicodedata import east_asian_width

import click
import msgspec

from device_runtime.console import one_line
from device_runtime.pipeline import STAGES, Result, Session
from device_runtime.read.engine import Engine
from device_runtime.sources.frame import Unreadable
from device_runtime.timing import distribution

_PLATE_COLUMNS = 10


class Printer:
    """Prints results one a line.

    Args:
        as_json: JSON objects instead of text.
        quiet: warnings only, unless *as_json*.
        changes_only: as text, only plates that differ from the one before.
    """

    def __init__(self, as_json: bool, quiet: bool = False, changes_only: bool = False) -> None:
        self._as_json, self._quiet, self._changes_only = as_json, quiet, changes_only
        self._last: str | None = None

    def show(self, result: Result | Unreadable) -> None:
        if isinstance(result, Unreadable):
            click.echo(one_line(f"warning: {result.error}"), err=True)
        elif self._as_json:
            click.echo(msgspec.json.encode(as_object(result)))
        elif not self._quiet and not (self._changes_only and result.reading.plate == self._last):
            self._last = result.reading.plate
            click.echo(as_text(result))


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


def as_text(result: Result) -> str:
    plate = result.reading.plate or "–"
    verdict = ""
    if result.truth is not None:
        right = result.truth == result.reading.plate
        verdict = _padded("ok" if right else f"≠ {result.truth}", _PLATE_COLUMNS + 3)
    return (
        f"{_padded(plate, _PLATE_COLUMNS)} {result.reading.confidence:6.1%} "
        f"{result.timings_ms['total']:8.2f} ms  {verdict}{one_line(result.frame.source)}"
    )


def summary(session: Session) -> str:
    """Counts, accuracy if there were labels, and a table of latencies."""
    lines = [f"{session.n} read, {session.unreadable} unreadable, {session.throughput:.1f} a second"]
    tally = session.tally
    if tally.n:
        lines.append(
            f"accuracy {tally.correct}/{tally.n} = {tally.correct / tally.n:.3f}, without province "
            f"{tally.correct_without_province}/{tally.n} = {tally.correct_without_province / tally.n:.3f}"
        )
    if session.n:
        lines.append(f"{'ms':<11}{'p50':>9}{'p90':>9}{'p99':>9}")
    for stage in STAGES:
        if stage in session.samples_ms:
            d = distribution(session.samples_ms[stage])
            lines.append(f"{stage:<11}{d.p50_ms:9.3f}{d.p90_ms:9.3f}{d.p99_ms:9.3f}")
    return "\n".join(lines)


def checked(engine: Engine) -> str:
    info = engine.manifest
    return (
        f"bundle for {info.target.name} ({info.precision}) is whole and runs here: "
        f"{info.golden.n} golden inputs within {engine.golden_difference:.2g} of {info.golden.atol:.2g}"
    )


def progress(total: int | None) -> AbstractContextManager[Any]:
    """A bar on standard error where that is a terminal and *total* is known."""
    hidden = total is None or not sys.stderr.isatty()
    return click.progressbar(length=total or 0, label="benchmark", file=sys.stderr, hidden=hidden)


def _padded(text: str, columns: int) -> str:
    wide = sum(east_asian_width(c) in "WF" for c in text)
    return text + " " * max(columns - len(text) - wide, 0)
