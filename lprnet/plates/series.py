"""A kind of plate as its country's file describes it: random texts, and where everything stands on each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.random import Generator

from device_runtime.countries.country import MARKS, Country, Place
from device_runtime.countries.country import Kind as Entry
from device_runtime.errors import FatalError
from device_runtime.schema import Strict
from lprnet.plates.faces import FACES
from lprnet.plates.glyphs import is_hangul, natural_width, random_style
from lprnet.plates.layout import Caption, Cell, Color, Kind, row
from lprnet.plates.shares import Shares

PALETTE: dict[str, Color] = {
    "white": (238, 238, 238),
    "silver": (200, 202, 200),
    "grey": (150, 150, 148),
    "black": (25, 25, 25),
    "blue": (150, 56, 16),
    "light-blue": (225, 195, 130),
    "yellow": (30, 180, 240),
    "lemon": (60, 215, 240),
    "orange": (20, 130, 240),
    "red": (45, 40, 190),
    "green": (70, 120, 30),
    "plate-blue": (168, 62, 14),
    "plate-white": (240, 240, 240),
    "plate-black": (22, 22, 22),
    "plate-yellow": (30, 168, 236),
    "plate-red": (50, 40, 205),
    "pale-green": (214, 238, 214),
    "new-green": (70, 190, 50),
    "aviation": (88, 112, 24),
    "tractor": (60, 140, 40),
}
"""Colours by name, BGR."""


class Grid(Strict, frozen=True):
    """A row of characters that stand at fixed places, mm."""

    left: float
    top: float
    height: float
    widths: tuple[float, ...]
    gaps: tuple[float, ...]


class Plate(Strict, frozen=True):
    """How a kind of plate is drawn; lengths in mm.

    Attributes:
        size: width and height.
        paints: "ground/ink" by `PALETTE`, or "top>bottom/ink" for a gradient, and how often.
        grid: rows of characters at fixed places; they are set in a line, centred, where there is none.
        faces: types (`faces.FACES`, or "text" for text fonts) and how often.
        height: of the characters, from the upper row on.
        rest: heights of rows after the first; `height` where there is none.
        gap: between characters.
        between: room that a mark takes, where it is not the usual one.
        band: "eu", "plain" or "": a blue band at the left with the country's sign.
        band_share: how often it is there.
        right: "region", "date" or "": what stands in a band at the right.
        right_share: how often it is there.
        seal: "stickers", "shield", "sticker", "flag", "emblem" or "dot": what stands at a `|`.
        border: how often a line runs along the edge.
        captions: small print at the top and bottom edge, and how often; words of it are drawn at random.
        art: how often there is a picture behind the characters.
        dot: a fixed dot, x and y.
        field: colour left of the third character.
        marks: colour of Chinese marks, where it differs.
        marked: number of first characters that have that colour too.
        letters: height of letters, where it differs from the digits'.
        syllables: of Hangul in each row, of the last one in further rows: its height in shares of the row's,
            where it is in the middle, and its width over its height; drawn a little varied.
        stacked: number of first characters that stand one above the other, as regions do at the left.
        region: height of what stands after a `_`, and x of the line before it, where there is one.
        top: what stands in a blue strip along the upper edge.
        fonts: as in `layout.Kind`.
        squarer: as in `layout.Kind`.
        emblem: whether the new-energy sign stands in the gap.
    """

    size: tuple[float, float] = (520, 110)
    paints: dict[str, float] = msgspec.field(default_factory=lambda: {"white/black": 1.0})
    grid: tuple[Grid, ...] = ()
    faces: dict[str, float] = msgspec.field(default_factory=lambda: {"plain": 1.0})
    height: float = 75
    rest: tuple[float, ...] = ()
    gap: float = 9
    between: dict[str, float] = {}  # noqa: RUF012
    band: str = ""
    band_share: float = 0.95
    right: str = ""
    right_share: float = 0.9
    seal: str = "stickers"
    border: float = 0.6
    captions: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    caption_share: float = 0.8
    art: float = 0.0
    dot: tuple[float, ...] = ()
    field: str = ""
    marks: str = ""
    marked: int = 0
    letters: float = 0
    syllables: tuple[tuple[float, float], ...] = ()
    stacked: int = 0
    region: tuple[float, ...] = ()
    top: str = ""
    fonts: float = 0.1
    squarer: float = 0.35
    emblem: bool = False


_BETWEEN = {"|": 44.0, "-": 32.0, "·": 24.0, " ": 24.0, "_": 60.0}
"""Room between groups, for a seal, a dash, a dot, or nothing."""
BAND = 44.0
"""Width of the bands at the sides, mm."""
_EDGE = 9.0


@dataclass(frozen=True)
class Series:
    """Plates of one kind.

    Attributes:
        country: its code.
        sign: what stands in the band.
        entry: name, patterns and shares.
        plate: how it is drawn.
    """

    country: str
    sign: str
    entry: Entry
    plate: Plate

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def rows(self) -> int:
        return self.entry.rows

    @cached_property
    def characters(self) -> frozenset[str]:
        """All that may be on one."""
        return frozenset().union(*(p.characters for p in self.entry.patterns))

    @cached_property
    def _shares(self) -> Shares:
        weights = np.array([p.weight for p in self.entry.patterns])
        return Shares(np.cumsum(weights / weights.sum() * (1 + 1e-12)))

    @cached_property
    def _paints(self) -> tuple[list[tuple[tuple[Color, ...], Color]], Shares]:
        paints = []
        for words in self.plate.paints:
            ground, ink = words.split("/")
            paints.append((tuple(PALETTE[g] for g in ground.split(">")), PALETTE[ink]))
        weights = np.array(list(self.plate.paints.values()))
        return paints, Shares(np.cumsum(weights / weights.sum() * (1 + 1e-12)))

    @cached_property
    def _faces(self) -> tuple[list[str], Shares]:
        weights = np.array(list(self.plate.faces.values()))
        return list(self.plate.faces), Shares(np.cumsum(weights / weights.sum() * (1 + 1e-12)))

    def random_text(self, rng: Generator) -> str:
        """A text with its marks; `plain` leaves them out."""
        pattern = self.entry.patterns[self._shares.draw(rng)]
        return "".join(p if isinstance(p, str) else _pick(rng, p) for p in pattern.parts)

    def marked(self, text: str) -> str:
        """*text* with the marks of the first pattern that it fits; as it is where it fits none.

        Raises:
            ValueError: it fits none, and its characters stand at fixed places of another number.
        """
        for pattern in self.entry.patterns:
            found = pattern.marked(text)
            if found is not None:
                return found
        places = sum(len(g.widths) for g in self.plate.grid)
        if places and places != len(text):
            raise ValueError(f"{text} has {len(text)} characters, {self.name} has {places}")
        return text

    @cached_property
    def _characters(self) -> str:
        return "".join(sorted(self.characters))

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        """Of a plate whose characters stand at fixed places."""
        grid = self.plate.grid
        return tuple(c for g in grid for c in row(g.widths, g.gaps, g.left, g.top, g.height))

    def layout(self, rng: Generator, marked: str) -> Kind:
        """Where everything stands on a plate that reads *marked*."""
        plate, (paints, paint_shares) = self.plate, self._paints
        ground, ink = paints[paint_shares.draw(rng)]
        faces, face_shares = self._faces
        style = None if self.plate.grid else random_style(rng, faces[face_shares.draw(rng)])
        common: dict[str, Any] = {
            "name": self.name,
            "background": ground,
            "ink": ink,
            "characters": self._characters,
            "rows": self.rows,
            "border": plate.border,
            "fonts": plate.fonts,
            "squarer": plate.squarer,
            "style": style,
            "dot": (plate.dot[0], plate.dot[1]) if plate.dot else None,
            "field": PALETTE[plate.field] if plate.field else None,
            "marks": PALETTE[plate.marks] if plate.marks else None,
            "marked": plate.marked,
            "emblem": plate.emblem,
            "latin": faces[0] if plate.grid and faces != ["plain"] else "",
        }
        if plate.grid:
            return Kind(
                width=round(plate.size[0]),
                height=round(plate.size[1]),
                cells=self._cells,
                **common,
            )
        assert style is not None
        return self._set(rng, marked, style, common)

    def _set(self, rng: Generator, marked: str, style: int, common: dict[str, Any]) -> Kind:
        """The characters in a line or several, centred in what the bands leave."""
        plate = self.plate
        width = plate.size[0] * rng.uniform(0.985, 1.015)
        height = plate.size[1] * rng.uniform(0.98, 1.02)
        band = bool(plate.band) and rng.random() < plate.band_share
        right = plate.right if plate.right and rng.random() < plate.right_share else ""
        left_edge = (BAND if band else 0) + _EDGE
        right_edge = width - (BAND if right else 0) - _EDGE
        lines = marked.split("/")
        heights = [plate.height, *plate.rest, *[plate.height] * len(lines)][: len(lines)]
        captions = self._captions(rng, width, height)
        strip = rng.uniform(0.2, 0.25) * height if plate.top else 0.0
        used_top = max((c.bottom for c in captions if c.bottom < height / 2), default=strip)
        used_bottom = min((c.top for c in captions if c.top > height / 2), default=height)
        gap = plate.gap * rng.uniform(0.75, 1.25)
        room = max((used_bottom - used_top - sum(heights)) / (len(lines) + 1), 1.0)
        shrink = min(1.0, (used_bottom - used_top - 4) / (sum(heights) + 2 * (len(lines) - 1)))
        y = used_top + room + rng.normal(0, 0.02) * height
        cells: list[Cell] = []
        dashes: list[tuple[float, float]] = []
        dots: list[tuple[float, float]] = []
        seals: list[tuple[float, float]] = []
        spread = rng.normal(1.0, 0.08)
        for number, (line, tall) in enumerate(zip(lines, heights, strict=True)):
            tall *= shrink * rng.uniform(0.98, 1.02)
            steps: list[tuple[str, float]] = []
            size, sizes = tall, []
            stack = plate.stacked if number == 0 else 0
            if stack:
                steps.append((line[:stack], tall * rng.uniform(0.42, 0.56)))
            share, ratio = self._syllable(rng, number)
            for c in line[stack:]:
                if share and is_hangul(c):
                    sizes.append(tall * share)
                    steps.append((c, sizes[-1] * ratio))
                elif c in MARKS:
                    steps.append((c, plate.between.get(c, _BETWEEN[c]) * spread * tall / 75))
                    if c == "_" and plate.region:
                        size = tall * plate.region[0] / plate.height
                else:
                    small = plate.letters and c.isalpha() and size == tall
                    sizes.append(tall * plate.letters / plate.height if small else size)
                    steps.append((c, natural_width(c, style) * sizes[-1]))
            own = iter(sizes)
            total = sum(w for _, w in steps)
            gaps = sum(1 for a, b in pairwise(steps) if a[0] not in MARKS and b[0] not in MARKS)
            free = right_edge - left_edge
            squeeze = min(1.0, free / (total + gap * gaps))
            x = left_edge + (free - squeeze * (total + gap * gaps)) / 2
            if squeeze == 1.0:
                slack = min(x - left_edge, 14.0)
                x += rng.uniform(-slack, slack) * (0.6 if rng.random() < 0.3 else 0.15)
            middle, before = y + tall / 2, ""
            for c, w in steps:
                w *= squeeze
                if c in MARKS:
                    where = {"-": dashes, "·": dots, "|": seals}.get(c)
                    if where is not None:
                        where.append((x + w / 2, middle))
                elif len(c) > 1:
                    each = tall / len(c)
                    cells += [Cell(x, y + i * each, w, 0.94 * each) for i in range(len(c))]
                else:
                    if before and before not in MARKS:
                        x += gap * squeeze
                    size = next(own)
                    if share and is_hangul(c):
                        cells.append(Cell(x, middle - size / 2, w, size))
                        x, before = x + w, c
                        continue
                    # What stands after the `_` is at the top, small letters are at the bottom.
                    at = (
                        y - 0.05 * tall if plate.region and "_" in line[: len(cells) + 1] else y + tall - size
                    )
                    cells.append(Cell(x, at, w, size))
                x += w
                before = c
            y += tall + room
        return Kind(
            width=round(width),
            height=round(height),
            cells=tuple(cells),
            country=self.sign if band and plate.band == "eu" else "",
            plain_band=self.sign if band and plate.band == "plain" else None,
            dashes=tuple(dashes),
            dots=tuple(dots),
            seals=tuple(seals),
            seal=plate.seal,
            right=right,
            captions=tuple(captions),
            art=rng.random() < plate.art,
            top=plate.top,
            top_height=strip,
            divider=plate.region[1] * width / plate.size[0] if plate.region else None,
            **common,
        )

    def _syllable(self, rng: Generator, row: int) -> tuple[float, float]:
        """Height of Hangul in a *row*, in shares of it, and its width over that; 0: as other letters."""
        syllables = self.plate.syllables
        if not syllables:
            return 0.0, 0.0
        share, ratio = syllables[min(row, len(syllables) - 1)]
        return min(share * rng.uniform(0.88, 1.1), 1.0), ratio * rng.uniform(0.88, 1.14)

    def _captions(self, rng: Generator, width: float, height: float) -> list[Caption]:
        captions = []
        for words, top in zip(self.plate.captions, (True, False), strict=True):
            if not words or rng.random() >= self.plate.caption_share:
                continue
            parts = words[int(rng.integers(len(words)))].split(" ")
            text = " ".join(_word(rng) if part == "~" else part for part in parts)
            tall = rng.uniform(0.09, 0.15) * height
            y = rng.uniform(0.02, 0.06) * height if top else height * rng.uniform(0.94, 0.98) - tall
            captions.append(Caption(text, y, y + tall))
        return captions


def _word(rng: Generator) -> str:
    return "".join("ABCDEFGHIJKLMNOPRSTUVYZ"[i] for i in rng.integers(23, size=rng.integers(3, 9)))


def _pick(rng: Generator, place: Place) -> str:
    choices = place.choices
    if len(choices) == 1:
        texts = choices[0][1]
    else:
        # A place has two or three choices: numpy takes longer to begin than this takes.
        left = rng.random() * sum(weight for weight, _ in choices)
        chosen = 0
        while (left := left - choices[chosen][0]) > 0 and chosen < len(choices) - 1:
            chosen += 1
        texts = choices[chosen][1]
    return texts[int(rng.integers(len(texts)))]


def plain(marked: str) -> str:
    """A text without marks."""
    return "".join(c for c in marked if c not in MARKS)


def series_of(country: Country, path: Path | None = None) -> dict[str, Series]:
    """The kinds of *country*, by name.

    Raises:
        FatalError: its file says of a plate what cannot be drawn; *path* is named in it.
    """
    where = str(path or country.code)
    todo = "see docs/plates.md for what a country's file holds"
    series = {}
    for name, entry in country.kinds.items():
        try:
            plate = msgspec.convert(entry.plate, Plate)
        except msgspec.ValidationError as error:
            raise FatalError(f"{where}: {name}", str(error), todo) from None
        unknown = {g for words in plate.paints for g in words.replace(">", "/").split("/")} - PALETTE.keys()
        unknown |= set(plate.faces) - FACES.keys() - {"text"}
        if unknown:
            raise FatalError(f"{where}: {name}", f"there is no {' and no '.join(sorted(unknown))}", todo)
        series[name] = Series(country.code, country.file.sign, entry, plate)
    return series
