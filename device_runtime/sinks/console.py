"""What `lpr-run` prints."""

from __future__ import annotations

import sys
from typing import Any
from unicodedata import east_asian_width

import click

from device_runtime.console import one_line
from device_runtime.read.engine import Engine
from device_runtime.report.measure import Measurements
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.frame import Unreadable

_PLATE_COLUMNS = 10


class Lines(Sink):
    """Prints each plate on standard output, a line each."""

    def add(self, result: Result) -> None:
        click.echo(as_text(result))


class Progress(Sink):
    """A bar on standard error where that is a terminal.

    Args:
        total: plates to come; no bar where None.
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
    """Plate, confidence, time, with labels whether it is right, and where from."""
    plate = result.reading.plate or "–"
    verdict = ""
    if result.truth is not None:
        right = result.truth == result.reading.plate
        verdict = _padded("ok" if right else f"≠ {result.truth}", _PLATE_COLUMNS + 3)
    return (
        f"{_padded(plate, _PLATE_COLUMNS)} {result.reading.confidence:6.1%} "
        f"{result.timings_ms['total']:8.2f} ms  {verdict}{one_line(result.frame.source)}"
    )


def summary(measured: Measurements) -> str:
    """Counts, accuracy if there were labels, and a table of latencies."""
    lines = [f"{measured.n} read, {measured.unreadable} unreadable, {measured.throughput:.1f} a second"]
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


def checked(engine: Engine) -> str:
    """What `--check` says of a bundle that passed."""
    info = engine.manifest
    return (
        f"bundle for {info.target.name} ({info.precision}) is whole and runs here: "
        f"{info.golden.n} golden inputs within {engine.golden_difference:.2g} of {info.golden.atol:.2g}"
    )


def _padded(text: str, columns: int) -> str:
    wide = sum(east_asian_width(c) in "WF" for c in text)
    return text + " " * max(columns - len(text) - wide, 0)
