"""What `lpr-run` prints."""

from __future__ import annotations

import sys
from typing import Any
from unicodedata import east_asian_width

import click

from device_runtime.console import one_line
from device_runtime.follow.event import Event, Passage
from device_runtime.read.engine import Engine
from device_runtime.reader import Place, Plate, Unread
from device_runtime.report.measure import Measurements
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.frame import Unreadable

_PLATE_COLUMNS = 10


class Lines(Sink):
    """Prints each plate on standard output, a line each, and a line for a frame without any."""

    def add(self, result: Result) -> None:
        click.echo(as_text(result))


class EventLines(Sink):
    """Prints each event on standard output, a line each."""

    def tell(self, passage: Passage) -> None:
        click.echo(event_as_text(passage.event))


class Progress(Sink):
    """A bar on standard error where that is a terminal.

    Args:
        total: frames to come; no bar where None.
    """

    def __init__(self, total: int | None) -> None:
        hidden = total is None or not sys.stderr.isatty()
        self._bar: Any = click.progressbar(
            length=total or 0, label="benchmark", file=sys.stderr, hidden=hidden
        )

    def add(self, result: Result) -> None:
        self._bar.update(1)

    def miss(self, unreadable: Unreadable) -> None:
        self._bar.update(1)

    def close(self) -> None:
        self._bar.render_finish()


def as_text(result: Result) -> str:
    """A line a plate: text, confidence, the frame's time, with labels whether it is right, where it is."""
    time = f"{result.timings_ms['total']:8.2f} ms"
    lines = []
    for one in result.found or (None,):
        text = one.text if isinstance(one, Plate) else "–"
        confidence = f"{one.reading.confidence:6.1%}" if one and one.reading else " " * 6
        verdict = ""
        if result.truth is not None:
            verdict = _padded("ok" if result.truth == text else f"≠ {result.truth}", _PLATE_COLUMNS + 3)
        why = f"{one.why}  " if isinstance(one, Unread) else ""
        where = f"{_where(one.place)}  " if one and one.place else ""
        source = one_line(result.frame.source)
        lines.append(f"{_padded(text, _PLATE_COLUMNS)} {confidence} {time}  {verdict}{why}{where}{source}")
        # It is the frame's.
        time = " " * len(time)
    return "\n".join(lines)


def event_as_text(event: Event) -> str:
    """A line: local time, text, confidence, how often and how long it was seen, which way, where best."""
    way = event.direction
    ways = " ".join(one for one in (way.line, way.depth, way.across) if one)
    often = f"{event.readings}× in {event.duration_s:.1f} s"
    listed = f"listed as {one_line(event.listed)}  " if event.listed is not None else ""
    over = "over  " if event.complete else ""
    return (
        f"{event.first_seen:%H:%M:%S}  {_padded(event.text or '–', _PLATE_COLUMNS)} {event.confidence:6.1%}  "
        f"{often:>14}  {over}{listed}{_padded(ways, 12)} {one_line(event.source)}"
    )


def _where(place: Place) -> str:
    (left, top), (right, bottom) = place.corners.min(0), place.corners.max(0)
    return f"{right - left:.0f}×{bottom - top:.0f} px at {left:.0f},{top:.0f}"


def summary(measured: Measurements) -> str:
    """Counts, accuracy if there were labels, and a table of latencies."""
    read = f"{measured.n} read"
    if measured.plates is not None:
        read = f"{_counted(measured.plates, 'plate')} in {_counted(measured.n, 'frame')}"
    lines = [f"{read}, {measured.unreadable} unreadable, {measured.throughput:.1f} a second"]
    if measured.camera and (measured.camera.dropped or measured.camera.damaged or measured.camera.losses):
        counts = measured.camera
        lost = f"camera lost {counts.losses}×, {counts.lost_s:.1f} s in sum"
        lines.append(f"{counts.dropped} frames dropped, {counts.damaged} damaged, {lost}")
    tally = measured.tally
    if tally.n:
        lines.append(
            f"accuracy {tally.correct}/{tally.n} = {tally.correct / tally.n:.3f}, without province "
            f"{tally.correct_without_province}/{tally.n} = {tally.correct_without_province / tally.n:.3f}"
        )
    if measured.n:
        lines.append(f"{'ms':<11}{'p50':>9}{'p90':>9}{'p99':>9}")
    for stage, d in measured.distributions().items():
        lines.append(f"{stage:<11}{d.p50_ms:9.3f}{d.p90_ms:9.3f}{d.p99_ms:9.3f}")
    return "\n".join(lines)


def checked(engine: Engine, finds: bool) -> str:
    """What `--check` says of a bundle that passed; *finds*: so did its locator."""
    info = engine.manifest
    locator = "; it finds plates, too" if finds else "; it has no locator"
    key = engine.bundle.signed_by
    signed = f"; signed by key {key.identity.hex()}" if key else ""
    return (
        f"bundle for {info.target.name} ({info.precision}) is whole and runs here: "
        f"{info.golden.n} golden inputs within {engine.golden_difference:.2g} of {info.golden.atol:.2g}"
        f"{locator}{signed}"
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _padded(text: str, columns: int) -> str:
    wide = sum(east_asian_width(c) in "WF" for c in text)
    return text + " " * max(columns - len(text) - wide, 0)
