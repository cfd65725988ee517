"""Kinds of plates: the Chinese ones (GA 36-2014) and, from their own modules, other countries'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator

from device_runtime.read.grammar import DIGITS, LETTERS, NEW_ENERGY, PROVINCES
from lprnet.network.alphabet import MARKS, Alphabet
from lprnet.plates import europe
from lprnet.plates.glyphs import is_chinese
from lprnet.plates.layout import Cell, Color, Kind, row
from lprnet.plates.shares import Shares

# 440 × 140: characters 45 × 90, 12 apart, and 34 with the dot after the second.
_SEVEN = row([45] * 7, [12, 34, 12, 12, 12, 12], 15.5, 25, 90)
_DOT = (15.5 + 45 + 12 + 45 + 17, 70.0)
# 480 × 140: the first 45 wide, the others 43, 9 apart, and 49 around the emblem after the second.
_EIGHT = row([45] + [43] * 7, [9, 49, 9, 9, 9, 9, 9], 15.5, 25, 90)
# Dot after the third digit.
_EMBASSY = row([45] * 7, [12, 12, 34, 12, 12, 12], 15.5, 25, 90)
_EMBASSY_DOT = (15.5 + 3 * 57 + 5, 70.0)
_OLD_EMBASSY = row([45] * 7, [12, 12, 12, 34, 12, 12], 15.5, 25, 90)
_OLD_EMBASSY_DOT = (15.5 + 4 * 57 + 5, 70.0)
# 440 × 220, double row: 80 × 60 above, 65 × 110 below.
_DOUBLE = (*row([80, 80], [60], 110, 15, 60), *row([65] * 5, [15] * 4, 27.5, 90, 110))

BLUE, WHITE, BLACK, YELLOW, RED = (168, 62, 14), (240, 240, 240), (22, 22, 22), (30, 168, 236), (50, 40, 205)
GREEN, PALE = (112, 188, 60), (226, 238, 226)

# Pressed characters have squarer bends than pens draw: 0 and 8 differ from D and B in little but their left
# corners. Those of new-energy plates are printed, from a set of their own.
_SQUARER, _SQUARER_PRINTED = 0.35, 0.6

_PLAIN = PROVINCES + DIGITS + LETTERS


def _kind(
    name: str,
    background: tuple[Color, ...],
    ink: Color,
    cells: tuple[Cell, ...],
    characters: str,
    **more: Any,
) -> Kind:
    """A Chinese kind: 480 mm wide with eight characters, 440 with seven."""
    return Kind(
        name=name,
        width=480 if len(cells) == 8 else 440,
        height=220 if "rows" in more else 140,
        background=background,
        ink=ink,
        cells=cells,
        characters=characters,
        squarer=_SQUARER_PRINTED if name.startswith("green") else _SQUARER,
        **more,
    )


CHINESE: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("blue", (BLUE,), WHITE, _SEVEN, _PLAIN, dot=_DOT),
        _kind("yellow", (YELLOW,), BLACK, _SEVEN, _PLAIN, dot=_DOT),
        _kind("green-small", (PALE, GREEN), BLACK, _EIGHT, _PLAIN),
        _kind("green-large", (GREEN,), BLACK, _EIGHT, _PLAIN, field=(40, 190, 235)),
        _kind("police", (WHITE,), BLACK, _SEVEN, _PLAIN + "警", dot=_DOT, marks=RED),
        _kind("school", (YELLOW,), BLACK, _SEVEN, _PLAIN + "学", dot=_DOT),
        _kind("trailer", (YELLOW,), BLACK, _SEVEN, _PLAIN + "挂", dot=_DOT),
        _kind("hongkong-macao", (BLACK,), WHITE, _SEVEN, "粤" + DIGITS + LETTERS + "港澳", dot=_DOT),
        _kind("embassy", (BLACK,), WHITE, _EMBASSY, DIGITS + "使", dot=_EMBASSY_DOT),
        _kind("old-embassy", (BLACK,), WHITE, _OLD_EMBASSY, DIGITS + "使", dot=_OLD_EMBASSY_DOT, marks=RED),
        _kind("consulate", (BLACK,), WHITE, _SEVEN, _PLAIN + "领", dot=_DOT),
        _kind("black", (BLACK,), WHITE, _SEVEN, _PLAIN, dot=_DOT),
        _kind("yellow-double", (YELLOW,), BLACK, _DOUBLE, _PLAIN, rows=2),
        _kind("trailer-double", (YELLOW,), BLACK, _DOUBLE, _PLAIN + "挂", rows=2),
    )
}
"""By name."""

KINDS: dict[str, Kind] = CHINESE | europe.KINDS

MIX: dict[str, float] = {
    "blue": 0.38,
    "yellow": 0.13,
    "green-small": 0.28,
    "green-large": 0.06,
    "police": 0.03,
    "school": 0.025,
    "trailer": 0.015,
    "hongkong-macao": 0.025,
    "embassy": 0.01,
    "old-embassy": 0.01,
    "consulate": 0.015,
    "black": 0.02,
}
"""Share of each kind in the default training mix.

Blue plates are what most real crops show; eight characters in 18 time steps want more practice than seven.
"""

MIXES: dict[str, Mapping[str, float]] = {"chinese": MIX, "eu": europe.MIX}
"""Mixes of kinds by name; the first is the default."""


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


def _energy(rng: Generator) -> str:
    """The letter of new-energy plates; D and F are those of the first years and still the most frequent."""
    return _pick(rng, "DF" if rng.random() < 0.5 else NEW_ENERGY)


def random_text(rng: Generator, kind: str) -> str:
    """Text of a plate of *kind*.

    Raises:
        KeyError: no such kind.
    """
    if kind in europe.KINDS:
        return europe.random_text(rng, kind)
    match KINDS[kind].name:
        case "green-small":
            # There are letters in fourth place, but few: most offices still give out digits alone.
            second = _pick(rng, LETTERS) if rng.random() < 0.15 else _pick(rng, DIGITS)
            return _office(rng) + _energy(rng) + second + _digits(rng, 4)
        case "green-large":
            return _office(rng) + _digits(rng, 5) + _energy(rng)
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


def random_kind(rng: Generator, name: str | None = None) -> Kind:
    """The kind called *name*, or one drawn by the shares of the mix called *name* (None: the default mix).

    Raises:
        KeyError: no such kind or mix.
    """
    if name in KINDS:
        return KINDS[name]
    mix = MIX if name is None else MIXES[name]
    shares = np.array(list(mix.values()))
    return KINDS[list(mix)[Shares(np.cumsum(shares / shares.sum())).draw(rng)]]


def characters_of(name: str | None = None) -> frozenset[str]:
    """All characters on plates of the kind or mix called *name* (None: the default mix).

    Raises:
        KeyError: no such kind or mix.
    """
    names = [name] if name in KINDS else MIX if name is None else MIXES[name]
    return frozenset("".join(KINDS[kind].characters for kind in names))


def can_write(alphabet: Alphabet, name: str | None = None) -> bool:
    """Whether *alphabet* has all characters of the kind or mix called *name* (None: the default mix).

    Raises:
        KeyError: no such kind or mix.
    """
    return not alphabet.unknown("".join(characters_of(name)))


def is_mark(character: str) -> bool:
    """Whether *character* is drawn in the colour of the plate's marks."""
    return is_chinese(character) and character in MARKS
