"""What a kind of plate looks like, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int]
"""BGR, 0–255."""


@dataclass(frozen=True)
class Cell:
    """Box of one character, in mm from the plate's top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Kind:
    """One kind of plate.

    `characters` are all that may be on one. `background` is one colour, or the top and bottom of a gradient;
    `field` is the colour left of the third character where it differs (large new-energy plates). `rows` is 2
    for double-row plates, whose text a single-line reader cannot follow: they are drawn, but not in the
    default training mix. `fonts` is the share drawn in text fonts instead of pen strokes. `country` stands in
    a band with the European stars, `dashes` and `seals` are the centres of what stands between characters,
    which is not read.
    """

    name: str
    width: int
    height: int
    background: tuple[Color, ...]
    ink: Color
    cells: tuple[Cell, ...]
    characters: str
    dot: tuple[float, float] | None = None
    field: Color | None = None
    marks: Color | None = None
    border: bool = True
    rows: int = 1
    fonts: float = 0.1
    country: str = ""
    dashes: tuple[float, ...] = ()
    seals: tuple[float, ...] = ()


def row(
    widths: Sequence[float], gaps: Sequence[float], left: float, top: float, height: float
) -> tuple[Cell, ...]:
    """Cells from *left* on, with *gaps* between them."""
    cells, x = [], left
    for width, gap in zip(widths, [*gaps, 0.0], strict=True):
        cells.append(Cell(x, top, width, height))
        x += width + gap
    return tuple(cells)
