"""All kinds of plates that can be drawn, and mixes of them, from the countries' files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.random import Generator

from device_runtime.countries.country import Country, read, shipped
from device_runtime.errors import FatalError
from lprnet.network.alphabet import EVERY_CHINESE, KOREAN, LATIN, MARKS, OWN, Alphabet, make_alphabet
from lprnet.plates.glyphs import is_chinese
from lprnet.plates.layout import Kind
from lprnet.plates.series import PALETTE, Series, plain, series_of
from lprnet.plates.shares import Shares

BLUE, WHITE, BLACK, YELLOW = (PALETTE[f"plate-{name}"] for name in ("blue", "white", "black", "yellow"))

_COUNTRIES = {country.code: country for country in shipped()}
_OF_COUNTRY: dict[str, dict[str, Series]] = {code: series_of(c) for code, c in _COUNTRIES.items()}

KINDS: dict[str, Series] = dict(chain.from_iterable(s.items() for s in _OF_COUNTRY.values()))
"""By name."""


def _fixed(series: Series) -> Kind:
    return series.layout(np.random.default_rng(0), "")


CHINESE: dict[str, Kind] = {name: _fixed(series) for name, series in _OF_COUNTRY["cn"].items()}
"""By name, with the colours that most of a kind have."""


def _mix(country: Country) -> dict[str, float]:
    """Shares of a country's kinds that have one row."""
    return {name: kind.share for name, kind in country.kinds.items() if kind.share and kind.rows == 1}


def _set(name: str) -> dict[str, float]:
    """Shares of the kinds of all countries in a set."""
    mix: dict[str, float] = {}
    for country in _COUNTRIES.values():
        if name in country.file.sets:
            kinds = _mix(country)
            whole = sum(kinds.values())
            mix |= {kind: country.file.share * share / whole for kind, share in kinds.items()}
    return mix


MIX: dict[str, float] = {
    name: share
    for name, share in _mix(_COUNTRIES["cn"]).items()
    if not OWN.unknown("".join(KINDS[name].characters))
}
"""Share of each kind in the default training mix: those that the shipped Chinese readers know.

Blue plates are what most real crops show; eight characters in 18 time steps want more practice than seven.
"""

_SETS = sorted({name for country in _COUNTRIES.values() for name in country.file.sets})
MIXES: dict[str, Mapping[str, float]] = {
    "chinese": MIX,
    **{code: _mix(country) for code, country in _COUNTRIES.items() if _mix(country)},
    **{name: _set(name) for name in _SETS},
}
"""Mixes of kinds by name; the first is the default. Each country and each set of countries has one.

A kind that is called as its country is found by `KINDS` only."""


def _two_rows(country: Country) -> dict[str, float]:
    return {name: kind.share for name, kind in country.kinds.items() if kind.share and kind.rows == 2}


@cache
def two_rows(name: str) -> Mapping[str, float]:
    """Shares of the kinds with two rows of the countries whose kinds are in the mix called *name*.

    None for a single kind, which is no mix, and for a country's file that is not shipped.
    """
    countries = {KINDS[kind].country for kind in MIXES.get(name, ())}
    shares: dict[str, float] = {}
    for code in countries:
        shares |= _two_rows(_COUNTRIES[code])
    return dict(sorted(shares.items()))


def random_two_row(rng: Generator, name: str) -> str | None:
    """A kind with two rows of the mix called *name*, drawn by its share; None where it has none."""
    shares = two_rows(name)
    if not shares:
        return None
    weights = np.array(list(shares.values()))
    return list(shares)[Shares(np.cumsum(weights / weights.sum() * (1 + 1e-12))).draw(rng)]


def random_series(rng: Generator, name: str | None = None) -> Series:
    """The kind called *name*, or one drawn by the shares of the mix called *name* (None: the default mix).

    *name* may be the path of a country's file, too.

    Raises:
        KeyError: no such kind or mix.
    """
    if name is not None and name not in MIXES and not name.endswith(".toml"):
        return KINDS[name]
    series, shares = _drawn("chinese" if name is None else name)
    return series[shares.draw(rng)]


@cache
def _own(path: str) -> tuple[dict[str, Series], dict[str, float]]:
    """The kinds of a country's file that is not shipped, and its mix."""
    country = read(Path(path))
    return series_of(country, Path(path)), _mix(country)


@cache
def _drawn(name: str) -> tuple[tuple[Series, ...], Shares]:
    kinds, mix = _own(name) if name.endswith(".toml") else (KINDS, MIXES[name])
    shares = np.array(list(mix.values()))
    return tuple(kinds[kind] for kind in mix), Shares(np.cumsum(shares / shares.sum() * (1 + 1e-12)))


def known(name: str) -> bool:
    """Whether *name* is a kind, a mix, or the path of a country's file (*.toml).

    Raises:
        FatalError: it is such a path, and the file cannot be read or says what cannot be drawn.
    """
    if name.endswith(".toml"):
        if not _own(name)[1]:
            raise FatalError(name, "it has no kind with one row and a share", "give one a share, or rows = 1")
        return True
    return name in KINDS or name in MIXES


def random_text(rng: Generator, kind: str) -> str:
    """Text of a plate of *kind*.

    Raises:
        KeyError: no such kind.
    """
    return plain(KINDS[kind].random_text(rng))


def characters_of(name: str | None = None) -> frozenset[str]:
    """All characters on plates of the kind or mix called *name* (None: the default mix).

    Raises:
        KeyError: no such kind or mix.
    """
    if name is not None and name not in MIXES and not name.endswith(".toml"):
        return KINDS[name].characters
    series, _ = _drawn("chinese" if name is None else name)
    return frozenset().union(*(one.characters for one in series))


def can_write(alphabet: Alphabet, name: str | None = None) -> bool:
    """Whether *alphabet* has all characters of the kind or mix called *name* (None: the default mix).

    Raises:
        KeyError: no such kind or mix.
    """
    return not alphabet.unknown("".join(characters_of(name)))


def alphabet_of(name: str | None = None) -> Alphabet:
    """The first known class list that can write the kind or mix called *name*, else one of its characters.

    Raises:
        KeyError: no such kind or mix.
    """
    for alphabet in (OWN, LATIN, EVERY_CHINESE, KOREAN):
        if can_write(alphabet, name):
            return alphabet
    return make_alphabet(sorted(characters_of(name)))


def is_mark(character: str) -> bool:
    """Whether *character* is drawn in the colour of the plate's marks."""
    return is_chinese(character) and character in MARKS
