"""Charts as values: what static/charts.js draws with uPlot, and the words and the table that say the same.

Chart ── payload ──▶ <script type="application/json"> ── charts.js ──▶ canvas
  └── title, summary, legend, table ──▶ HTML, readable without a script
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from host.show.table import Table

COLORS = 8
"""Of the palette, `--c0` to `--c7` of static/style.css."""
DASHES = 3
"""Solid, dashed, dotted: lines are told apart without colours, too."""


class Axis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One axis.

    Attributes:
        label: with its unit.
        scale: of times, values are seconds since 1970, shown in UTC.
        ticks: where they stand and what they say; None: round numbers.
        zero: the axis begins at 0.
    """

    label: str
    scale: Literal["linear", "log", "time"] = "linear"
    ticks: tuple[tuple[float, str], ...] | None = None
    zero: bool = False


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Values at the places of `Lines.x`; None where there is a gap. `color` may be any number from 0."""

    name: str
    color: int
    values: Sequence[float | None]


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the x axis that is shaded, and why."""

    start: float
    stop: float
    label: str


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the x axis where something changed."""

    at: float
    label: str


class Lines(msgspec.Struct, frozen=True, kw_only=True, tag="lines"):
    """Lines, or bars of one series, over a common axis.

    Attributes:
        x: ascending.
        sync: charts with the same one share their cursor.
    """

    x: Sequence[float]
    x_axis: Axis
    y_axis: Axis
    lines: Sequence[Line]
    bars: bool = False
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()
    sync: str | None = None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One distribution.

    Attributes:
        low, high: ends of the whisker.
        first, third: of the box; None where only `middle` and the whisker are known.
        middle: its line.
        most: a dot behind the whisker.
        says: what the numbers are, for who points at it.
    """

    name: str
    color: int
    low: float
    first: float | None = None
    middle: float
    third: float | None = None
    high: float
    most: float | None = None
    says: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Boxes below a common name."""

    name: str
    boxes: Sequence[Box]


class Boxes(msgspec.Struct, frozen=True, kw_only=True, tag="boxes"):
    """Distributions below one another."""

    axis: Axis
    groups: Sequence[Group]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One of many; `best` where no other is better in both directions."""

    name: str
    color: int
    x: float
    y: float
    best: bool
    says: str


class Points(msgspec.Struct, frozen=True, kw_only=True, tag="points"):
    """Points, and the line through the best: less is better on both axes."""

    x_axis: Axis
    y_axis: Axis
    points: Sequence[Point]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing and what says the same in words.

    Attributes:
        name: unique on a page; letters, digits and dashes.
        title: what is shown.
        summary: what is to be seen, in a sentence or two.
        drawing: for charts.js.
        table: the numbers.
        legend: names by colour; empty where one stands elsewhere or is not needed.
        wide: takes the whole width of a page.
    """

    name: str
    title: str
    summary: str
    drawing: Lines | Boxes | Points
    table: Table
    legend: Sequence[tuple[int, str]] = ()
    wide: bool = False


def percentile_place(percent: float) -> float:
    """Where a percentile stands on an axis that stretches the tail: −log₁₀ of the share that is slower.

    As in HdrHistogram's plots. 100 stands where 99.7 would.
    """
    return 2.5 if percent >= 100 else -math.log10(1 - percent / 100)


PERCENTILES = Axis(
    label="share of frames done",
    ticks=tuple(
        (percentile_place(p), text)
        for p, text in ((0, "0"), (50, "50 %"), (90, "90 %"), (99, "99 %"), (100, "all"))
    ),
)
