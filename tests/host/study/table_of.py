"""A table of the study, made up."""

from __future__ import annotations

from typing import Any

from device_runtime.board.describe import Board
from host.study.schema import EAGER, UNTUNED, Results, StudyRow


def row(name: str, weights: str = "shipped", **values: Any) -> StudyRow:
    return StudyRow(name=name, weights=weights, **values)


def timed(name: str, ms: float, share: float, weights: str = "shipped") -> StudyRow:
    """A row with a time, and an accuracy on the data set `a`."""
    return row(name, weights, p50_ms=ms, accuracy={"a": share})


def table_of(*rows: StudyRow) -> Results:
    return Results(
        created="2026-01-01T00:00:00+00:00",
        machine=Board(cpu="Some CPU"),
        target="native",
        rounds=3,
        inferences=5,
        load_average=0.1,
        datasets={"a": 10, "b": 20},
        timed="x",
        rows=rows,
    )


RESULTS = table_of(
    row(
        EAGER,
        bytes=2000,
        parameters=500,
        macs=10**8,
        p50_ms=10.0,
        p99_ms=11.0,
        eager=1.0,
        untuned=0.1,
        accuracy={"a": 0.9, "b": 0.8},
    ),
    row(UNTUNED, bytes=1900, p50_ms=100.0, p99_ms=101.0, eager=10.0, untuned=1.0, accuracy={"a": 0.9}),
    row("TVM, MetaSchedule's generic search", error="cannot <measure>"),
    row(
        "everything together (tiny)",
        bytes=200,
        p50_ms=0.2,
        p99_ms=0.3,
        eager=0.02,
        untuned=0.002,
        accuracy={"a": 0.95, "b": 0.795},
        note="a note",
    ),
    row(EAGER, "public", p50_ms=9.0, accuracy={"a": 0.5, "b": 0.5}),
)
