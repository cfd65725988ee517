"""What a kind of plate looks like, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int]
"""BGR, 0–255."""


@dataclass(frozen=True)
class Cell:
    """Box of one character, in mm.

    Attributes:
        left: distance from the plate's left edge.
        top: distance from the plate's upper edge.
        width: of the box.
        height: of the box.
    """

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of plate; lengths in mm.

    Attributes:
        name: e.g. "blue".
        width: of the plate.
        height: of the plate.
        background: one colour, or the top and bottom of a gradient.
        ink: colour of the characters.
        cells: where each character stands.
        characters: all that may be on one.
        dot: centre of the dot between two characters, if there is one.
        field: colour left of the third character where it differs (large new-energy plates).
        marks: colour of the characters that `is_mark` names, where it differs.
        border: whether a line runs along the edge.
        rows: 2 for double-row plates, whose text a single-line reader cannot follow: they are drawn, but not
            in the default training mix.
        fonts: share drawn in text fonts instead of pen strokes.
        squarer: share drawn with squarer bends (`glyphs.SQUARER`), before the text fonts' share.
        country: what stands in a band with the European stars, if there is one.
        dashes: x of the middle of each dash between characters; dashes are not read.
        seals: x of the middle of each seal between characters; seals are not read.
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
    squarer: float = 0.0
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
