"""What plates may read, and how likely each text is: from the countries' files, as far as a model knows it.

    share of the country × of the kind × of the pattern × Π 1 / characters that may stand in a place

summed over all patterns that a text fits. `OLC4728` is one of the 176 million of Brazil, `0LC4728` one that
only few rare kinds have. `lprnet.plates` draws texts in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import contains
from typing import NamedTuple

from device_runtime.countries import country
from device_runtime.countries.country import Country, expanded

_CHINA = country.shipped_country("cn")


def _china(place: str) -> str:
    given = _CHINA.file.places[place]
    assert isinstance(given, str)
    return expanded(given)


PROVINCES = _china("p")
"""In the order of the public checkpoint's classes."""
DIGITS = "0123456789"
LETTERS = expanded(_CHINA.file.letters)
"""GA 36 leaves out I and O, which look like 1 and 0."""

CHARACTERS = 36
"""Digits and Latin letters: as many may stand in any place of a random text."""
Pattern = tuple[frozenset[str], ...]
"""The characters that may stand in each place."""


class _Rule(NamedTuple):
    """A pattern of a kind of plate, its share of all plates, and how dense that makes its texts.

    That is how many times more often one is seen than a random text of its length.
    """

    kind: str
    pattern: Pattern
    share: float
    density: float


@dataclass(frozen=True)
class Grammar:
    """Patterns by kind of plate, each with a non-empty set of characters for every place.

    Attributes:
        patterns: of each kind.
        shares: of each of a kind's patterns, among the plates of several countries; none at all for one
            country, and where a file does not say.
    """

    patterns: dict[str, tuple[Pattern, ...]]
    shares: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def _by_length(self) -> dict[int, list[_Rule]]:
        found: dict[int, list[_Rule]] = {}
        for name, patterns in self.patterns.items():
            shares = self.shares[name] if self.shares else (0.0,) * len(patterns)
            for pattern, share in zip(patterns, shares, strict=True):
                density = share * math.prod(CHARACTERS / len(place) for place in pattern)
                found.setdefault(len(pattern), []).append(_Rule(name, pattern, share, density))
        return found

    @cached_property
    def _usual(self) -> float:
        """Of the logarithm of the density the mean over all plates."""
        return _mean_log_density([rule for rules in self._by_length.values() for rule in rules])

    def kind(self, characters: Sequence[str]) -> str | None:
        """The name of the first pattern that *characters* fit, or None."""
        return next((rule.kind for rule in self._fitting(characters)), None)

    def accepts(self, characters: Sequence[str]) -> bool:
        return self.kind(characters) is not None

    def log_frequency(self, characters: Sequence[str]) -> float:
        """Natural log of how frequent a text is: about 0 for most plates, −inf for what is none.

        0 for every plate where there are no `shares`.
        """
        densities = [rule.density for rule in self._fitting(characters)]
        if not densities:
            return -math.inf
        return math.log(sum(densities)) - self._usual if self.shares else 0.0

    def _fitting(self, characters: Sequence[str]) -> Iterator[_Rule]:
        for rule in self._by_length.get(len(characters), ()):
            if all(map(contains, rule.pattern, characters)):
                yield rule


def for_alphabet(alphabet: Iterable[str], countries: Sequence[str] = ()) -> Grammar:
    """The patterns of *countries*, limited to *alphabet*.

    Those with a place that no known character fits are left out.

    Args:
        alphabet: the characters that a model knows.
        countries: names of shipped files, e.g. de, or paths of others; where there are none, China if the
            alphabet has a province, else every country whose digits and Latin letters it has.

    Raises:
        FatalError: there is no such country, or its file says what no country's file says.
    """
    known = frozenset(alphabet)
    patterns: dict[str, tuple[Pattern, ...]] = {}
    shares: dict[str, tuple[float, ...]] = {}
    ones = [country.named(name) for name in countries] or _default(known)
    for one in ones:
        reads = one.reads | (one.beyond if one.characters <= known else {})
        for name, wholes in reads.items():
            limited = [
                (tuple(place & known for place in places), one.share(name) * whole.weight * part)
                for whole in wholes
                for places, part in whole.places()
            ]
            if kept := [(pattern, share) for pattern, share in limited if all(pattern)]:
                patterns[name] = patterns.get(name, ()) + tuple(pattern for pattern, _ in kept)
                shares[name] = shares.get(name, ()) + tuple(share for _, share in kept)
    several = len(ones) > 1 and all(share > 0 for each in shares.values() for share in each)
    return Grammar(patterns, shares if several else {})


def _mean_log_density(rules: Sequence[_Rule]) -> float:
    return sum(rule.share * math.log(rule.density) for rule in rules) / sum(rule.share for rule in rules)


def _default(known: frozenset[str]) -> list[Country]:
    if known & frozenset(PROVINCES):
        return [_CHINA]
    if not known >= frozenset(DIGITS):
        return []
    plain = frozenset(c for c in known if c.isascii())
    found = [c for c in country.shipped() if c.file.real and c.code != "cn"]
    return [c for c in found if frozenset(x for x in c.characters if x.isascii()) <= plain]
