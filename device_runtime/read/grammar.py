"""What plates may read, from the countries' files, limited to the characters a model knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import contains

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

Pattern = tuple[frozenset[str], ...]
"""The characters that may stand in each place."""


@dataclass(frozen=True)
class Grammar:
    """Patterns by kind of plate, each with a non-empty set of characters for every place."""

    patterns: dict[str, tuple[Pattern, ...]]

    @cached_property
    def _by_length(self) -> dict[int, list[tuple[str, Pattern]]]:
        found: dict[int, list[tuple[str, Pattern]]] = {}
        for name, patterns in self.patterns.items():
            for pattern in patterns:
                found.setdefault(len(pattern), []).append((name, pattern))
        return found

    def kind(self, characters: Sequence[str]) -> str | None:
        """The name of the first pattern that *characters* fit, or None."""
        for name, pattern in self._by_length.get(len(characters), ()):
            if all(map(contains, pattern, characters)):
                return name
        return None

    def accepts(self, characters: Sequence[str]) -> bool:
        return self.kind(characters) is not None


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
    for one in [country.named(name) for name in countries] or _default(known):
        reads = one.reads | (one.beyond if one.characters <= known else {})
        for name, several in reads.items():
            limited = [tuple(place & known for place in p) for whole in several for p in whole.places()]
            if kept := tuple(pattern for pattern in limited if all(pattern)):
                patterns[name] = patterns.get(name, ()) + kept
    return Grammar(patterns)


def _default(known: frozenset[str]) -> list[Country]:
    if known & frozenset(PROVINCES):
        return [_CHINA]
    if not known >= frozenset(DIGITS):
        return []
    plain = frozenset(c for c in known if c.isascii())
    found = [c for c in country.shipped() if c.file.real and c.code != "cn"]
    return [c for c in found if frozenset(x for x in c.characters if x.isascii()) <= plain]
