"""German and Dutch plates: an example of another country's.

Proportions follow the one-row plates of the German FZV, Anlage 4, as far as they show in a crop 94 px wide;
Dutch ones use the same. Letters and digits are those of the Chinese plates and text fonts, not FE-Schrift.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from numpy.random import Generator

from device_runtime.read.grammar import DIGITS
from lprnet.plates.layout import Color, Kind, row

WIDTH, HEIGHT, BAND = 520, 110, 44
"""mm"""
_EDGE, _GAP = 10.0, 9.0
_BETWEEN = {"|": 46.0, "-": 32.0, " ": 24.0}
"""Room between groups, for a seal, a dash, or nothing."""
_LETTER, _DIGIT, _NARROW = 47.5, 44.5, 40.5 / 47.5
"""Widths of the middle type, and what the narrow one has of them."""
_BLACK = (25, 25, 25)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Plates of one country with one pattern; which district codes are in use is left out.

    Attributes:
        country: what stands in the blue band.
        pattern: A for a letter, 0 for a digit, and marks of `_BETWEEN` between groups.
        letters: that may stand for A.
        ground: colour of the plate.
        share: of these plates in `MIX`.
    """

    country: str
    pattern: str
    letters: str
    ground: Color
    share: float

    @property
    def name(self) -> str:
        """E.g. d-aa-a-000."""
        return f"{self.country}-{self.pattern}".lower().translate(str.maketrans("| ", "--"))

    @property
    def places(self) -> list[int]:
        """Indices in `pattern` of what is read."""
        return [i for i, c in enumerate(self.pattern) if c in "A0"]

    def kind(self) -> Kind:
        """The characters are centred beside the band, in narrow type where the middle one does not fit."""
        places = self.places
        left, right = BAND + _EDGE, WIDTH - _EDGE
        widths = [_LETTER if self.pattern[i] == "A" else _DIGIT for i in places]
        gaps = [_BETWEEN[self.pattern[a + 1]] if b > a + 1 else _GAP for a, b in pairwise(places)]
        if sum(widths) + sum(gaps) > right - left:
            widths = [w * _NARROW for w in widths]
        cells = row(widths, gaps, (left + right - sum(widths) - sum(gaps)) / 2, 17.5, 75)

        def middles(mark: str) -> tuple[float, ...]:
            before = [k for k, i in enumerate(places[:-1]) if self.pattern[i + 1] == mark]
            return tuple(cells[k].left + widths[k] + gaps[k] / 2 for k in before)

        return Kind(
            name=self.name,
            width=WIDTH,
            height=HEIGHT,
            background=(self.ground,),
            ink=_BLACK,
            cells=cells,
            characters=self.letters + DIGITS,
            fonts=0.5,
            country=self.country,
            dashes=middles("-"),
            seals=middles("|"),
        )


SERIES: dict[str, Series] = {
    series.name: series
    for series in (
        *(
            Series(
                country="D",
                pattern=f"{'A' * a}|{'A' * b} {'0' * n}",
                letters="ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                ground=(238, 238, 238),
                share=share,
            )
            for a in (1, 2, 3)
            for b in (1, 2)
            for n, share in ((2, 0.02), (3, 0.04), (4, 0.08))
            if a + b + n <= 8
        ),
        # No vowels, and since 2005 no C, M, Q, W, Y.
        *(
            Series(
                country="NL", pattern=pattern, letters="BDFGHJKLNPRSTVXZ", ground=(20, 180, 240), share=0.07
            )
            for pattern in ("00-AA-AA", "00-AAA-0", "0-AAA-00", "AA-000-A", "A-000-AA")
        ),
    )
}
"""By name."""

KINDS: dict[str, Kind] = {series.name: series.kind() for series in SERIES.values()}
MIX: dict[str, float] = {series.name: series.share for series in SERIES.values()}


def random_text(rng: Generator, kind: str) -> str:
    """Text of a plate of *kind*, every letter and digit equally often; a number does not start with 0.

    Raises:
        KeyError: no such kind.
    """
    series = SERIES[kind]
    text = ""
    for place in series.places:
        choice = series.letters if series.pattern[place] == "A" else DIGITS
        if series.country == "D" and series.pattern[place - 1] == " ":
            choice = choice.lstrip("0")
        text += choice[int(rng.integers(len(choice)))]
    return text
