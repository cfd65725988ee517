"""Kinds of Chinese plates: size, places of the characters, colours, texts (GA 36-2014)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lprnet.alphabet import DIGITS, LETTERS, MARKS, PROVINCES
from lprnet.plates.glyphs import is_chinese

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

    `background` is one colour, or the top and bottom of a gradient; `field` is the colour left of the third
    character where it differs (large new-energy plates). `rows` is 2 for double-row plates, whose text a
    single-line reader cannot follow: they are drawn, but not in the default training mix.
    """

    name: str
    width: int
    height: int
    background: tuple[Color, ...]
    ink: Color
    cells: tuple[Cell, ...]
    dot: tuple[float, float] | None = None
    field: Color | None = None
    marks: Color | None = None
    border: bool = True
    rows: int = 1


def _row(widths: list[int], gaps: list[float], left: float, top: float, height: float) -> tuple[Cell, ...]:
    cells, x = [], left
    for width, gap in zip(widths, [*gaps, 0.0], strict=True):
        cells.append(Cell(x, top, width, height))
        x += width + gap
    return tuple(cells)


# 440 × 140: characters 45 × 90, 12 apart, and 34 with the dot after the second.
_SEVEN = _row([45] * 7, [12, 34, 12, 12, 12, 12], 15.5, 25, 90)
_DOT = (15.5 + 45 + 12 + 45 + 17, 70.0)
# 480 × 140: the first 45 wide, the others 43, 9 apart, and 49 around the emblem after the second.
_EIGHT = _row([45] + [43] * 7, [9, 49, 9, 9, 9, 9, 9], 15.5, 25, 90)
# Dot after the third digit.
_EMBASSY = _row([45] * 7, [12, 12, 34, 12, 12, 12], 15.5, 25, 90)
_OLD_EMBASSY = _row([45] * 7, [12, 12, 12, 34, 12, 12], 15.5, 25, 90)
# 440 × 220, double row: 80 × 60 above, 65 × 110 below.
_DOUBLE = (*_row([80, 80], [60], 110, 15, 60), *_row([65] * 5, [15] * 4, 27.5, 90, 110))

BLUE, WHITE, BLACK, YELLOW, RED = (168, 62, 14), (240, 240, 240), (22, 22, 22), (30, 168, 236), (50, 40, 205)
GREEN, PALE = (112, 188, 60), (226, 238, 226)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("blue", 440, 140, (BLUE,), WHITE, _SEVEN, _DOT),
        Kind("yellow", 440, 140, (YELLOW,), BLACK, _SEVEN, _DOT),
        Kind("green-small", 480, 140, (PALE, GREEN), BLACK, _EIGHT, border=True),
        Kind("green-large", 480, 140, (GREEN,), BLACK, _EIGHT, field=(40, 190, 235)),
        Kind("police", 440, 140, (WHITE,), BLACK, _SEVEN, _DOT, marks=RED),
        Kind("school", 440, 140, (YELLOW,), BLACK, _SEVEN, _DOT),
        Kind("trailer", 440, 140, (YELLOW,), BLACK, _SEVEN, _DOT),
        Kind("hongkong-macao", 440, 140, (BLACK,), WHITE, _SEVEN, _DOT),
        Kind("embassy", 440, 140, (BLACK,), WHITE, _EMBASSY, (15.5 + 3 * 57 + 5, 70.0)),
        Kind("old-embassy", 440, 140, (BLACK,), WHITE, _OLD_EMBASSY, (15.5 + 4 * 57 + 5, 70.0), marks=RED),
        Kind("consulate", 440, 140, (BLACK,), WHITE, _SEVEN, _DOT),
        Kind("black", 440, 140, (BLACK,), WHITE, _SEVEN, _DOT),
        Kind("yellow-double", 440, 220, (YELLOW,), BLACK, _DOUBLE, rows=2),
        Kind("trailer-double", 440, 220, (YELLOW,), BLACK, _DOUBLE, rows=2),
    )
}

MIX: dict[str, float] = {
    "blue": 0.52,
    "yellow": 0.15,
    "green-small": 0.15,
    "green-large": 0.03,
    "police": 0.03,
    "school": 0.025,
    "trailer": 0.015,
    "hongkong-macao": 0.025,
    "embassy": 0.01,
    "old-embassy": 0.01,
    "consulate": 0.015,
    "black": 0.02,
}
"""Share of each kind in the default training mix."""

_NEW_ENERGY = "ABCDEFGHJK"
"""Letters of new-energy serials: A–E all-electric, F–K other."""


def _pick(rng: Generator, characters: str) -> str:
    return characters[int(rng.integers(len(characters)))]


def _digits(rng: Generator, count: int) -> str:
    return "".join(DIGITS[i] for i in rng.integers(10, size=count))


def _serial(rng: Generator, count: int) -> str:
    """Digits with some letters in any place, like GA 36's self-chosen serials; every letter equally often."""
    letters = rng.random(count) < rng.choice([0.0, 0.2, 0.4], p=[0.2, 0.4, 0.4])
    return "".join(_pick(rng, LETTERS) if letter else _pick(rng, DIGITS) for letter in letters)


def _office(rng: Generator) -> str:
    """Province and the letter of the issuing office; A is the provincial capital and so more frequent."""
    return _pick(rng, PROVINCES) + ("A" if rng.random() < 0.15 else _pick(rng, LETTERS))


def random_text(rng: Generator, kind: str) -> str:
    """Text of a plate of *kind*.

    Raises:
        KeyError: no such kind.
    """
    match KINDS[kind].name:
        case "green-small":
            second = _pick(rng, LETTERS) if rng.random() < 0.25 else _pick(rng, DIGITS)
            return _office(rng) + _pick(rng, _NEW_ENERGY) + second + _digits(rng, 4)
        case "green-large":
            return _office(rng) + _digits(rng, 5) + _pick(rng, _NEW_ENERGY)
        case "police":
            return _office(rng) + _serial(rng, 4) + "警"
        case "school":
            return _office(rng) + _serial(rng, 4) + "学"
        case "trailer" | "trailer-double":
            return _office(rng) + _serial(rng, 4) + "挂"
        case "hongkong-macao":
            return "粤Z" + _serial(rng, 4) + _pick(rng, "港澳")
        case "embassy":
            return _digits(rng, 6) + "使"
        case "old-embassy":
            return "使" + _digits(rng, 6)
        case "consulate":
            return _office(rng) + _digits(rng, 4) + "领"
        case _:
            return _office(rng) + _serial(rng, 5)


def random_kind(rng: Generator, mix: dict[str, float] = MIX) -> str:
    """One of the kinds of *mix*, drawn by their shares."""
    shares = np.array(list(mix.values()))
    return list(mix)[int(np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(), side="right"))]


def is_mark(character: str) -> bool:
    """Whether *character* is drawn in the colour of the plate's marks."""
    return is_chinese(character) and character in MARKS
