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


@dataclass(frozen=True)
class Caption:
    """Small print between *top* and *bottom*, in mm from the plate's upper edge; it is not read."""

    text: str
    top: float
    bottom: float


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
        border: how often a line runs along the edge.
        rows: 2 for double-row plates, whose text a single-line reader cannot follow: they are drawn, but not
            in the default training mix.
        fonts: share drawn in text fonts instead of pen strokes.
        squarer: share drawn with squarer bends (`glyphs.SQUARER`), before the text fonts' share.
        latin: a face (`faces.FACES`) that is drawn instead of pen strokes where the text fonts are not.
        style: of the glyphs, if it was chosen with the layout.
        country: what stands in a band with the European stars, if there is one.
        plain_band: what stands in a band without stars, if there is one.
        dashes: middle of each dash between characters; what stands between characters is not read.
        dots: middle of each dot between characters.
        seals: middle of each seal between characters.
        seal: what the seals are (`series.Plate`).
        right: what stands in a band at the right: "region", "date" or nothing.
        captions: small print.
        marked: number of first characters in the colour of `marks`.
        top: what stands in a blue strip along the upper edge, `top_height` high.
        divider: x of an upright line.
        art: whether there is a picture behind the characters.
        emblem: whether the new-energy sign stands in the gap after the second character.
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
    border: float = 0.85
    rows: int = 1
    fonts: float = 0.1
    squarer: float = 0.0
    latin: str = ""
    style: int | None = None
    country: str = ""
    plain_band: str | None = None
    dashes: tuple[tuple[float, float], ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    seals: tuple[tuple[float, float], ...] = ()
    seal: str = "stickers"
    right: str = ""
    captions: tuple[Caption, ...] = ()
    marked: int = 0
    top: str = ""
    top_height: float = 0.0
    divider: float | None = None
    art: bool = False
    emblem: bool = False

    @property
    def first_row(self) -> int:
        """Number of characters in the first row."""
        starts = (i for i in range(1, len(self.cells)) if self.cells[i].left < self.cells[i - 1].left)
        return next(starts, len(self.cells))


def row(
    widths: Sequence[float], gaps: Sequence[float], left: float, top: float, height: float
) -> tuple[Cell, ...]:
    """Cells from *left* on, with *gaps* between them."""
    cells, x = [], left
    for width, gap in zip(widths, [*gaps, 0.0], strict=True):
        cells.append(Cell(x, top, width, height))
        x += width + gap
    return tuple(cells)
