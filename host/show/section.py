"""What a page is made of, from tiles to sections; templates/sections.html shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from host.show.changes import Change
from host.show.chart import Chart
from host.show.pictures import Picture
from host.show.table import Table


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number that matters, large."""

    what: str
    value: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is folded away."""

    title: str
    tables: Sequence[Table]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and what stands below it, in this order."""

    name: str
    title: str
    words: str = ""
    legend: Sequence[tuple[int, str]] = ()
    pictures: Sequence[Picture] = ()
    small: bool = False
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    changes: Sequence[Change] = ()
    parts: Sequence[Part] = ()
