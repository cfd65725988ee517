"""What a country's file says of the texts of its plates; how they are drawn is left to the renderer.

    patterns = ["A|AA 1999"]      a letter, a seal, two letters, room, a digit that is not 0, three digits

In a pattern a character is a place where `places` or `codes` name it, a mark where it is one of `MARKS`, and
itself otherwise. `A` (of `letters`), `9` (a digit) and `1` (a digit but 0) are places in every file.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from device_runtime.errors import FatalError
from device_runtime.schema import Strict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
MARKS = " _-·|/"
"""What stands between characters and is not read: room, more room, a dash, a dot, a seal, the next row."""

Choices = tuple[tuple[float, str], ...]
"""Sets of characters and how often one is taken from each."""


class LookAlikes(Strict, frozen=True):
    """Characters that are taken for one another.

    Attributes:
        same: groups within which one stands for another at no cost.
        similar: pairs that differ by one stroke.
    """

    same: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()


class KindEntry(Strict, frozen=True):
    """One kind of plate.

    Attributes:
        name: unique over all files.
        patterns: of its texts, each with a weight (or 1).
        share: among the country's kinds, where plates are drawn; 0 leaves it out of mixes.
        rows: of characters.
        plate: how it is drawn; over the country's `plate`.
    """

    name: str
    patterns: tuple[str | tuple[float, str], ...]
    share: float = 1.0
    rows: int = 1
    plate: dict[str, Any] = {}  # noqa: RUF012 – msgspec copies it


class CountryFile(Strict, frozen=True):
    """A country's file.

    Attributes:
        name: of the country, in English.
        kinds: of its plates.
        sign: what stands in the band of its plates.
        letters: for the place `A`; ranges as in A-Z.
        places: further places: characters, or several sets of them with weights.
        codes: places that are several characters long: a district's letters, all that there are.
        reads: patterns that a text may have, by kind of plate, where they are others than those of `kinds`.
        beyond: further ones, only for readers that know every character of the country's plates.
        look_alikes: on its plates; events take those of the file that stands for all countries, zz.
        sets: that plates of this country are part of, e.g. latin.
        share: in these sets.
        real: whether there are such plates; others are only drawn.
        plate: how its plates are drawn.
    """

    name: str
    kinds: tuple[KindEntry, ...]
    sign: str = ""
    letters: str = "A-Z"
    places: dict[str, str | tuple[tuple[float, str], ...]] = {}  # noqa: RUF012
    codes: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    reads: dict[str, str] = {}  # noqa: RUF012
    beyond: dict[str, str] = {}  # noqa: RUF012
    look_alikes: LookAlikes = LookAlikes()
    sets: tuple[str, ...] = ()
    share: float = 1.0
    real: bool = True
    plate: dict[str, Any] = {}  # noqa: RUF012


@dataclass(frozen=True)
class Place:
    """One or more characters of a text.

    Attributes:
        choices: what may stand here, in sets by weight: single characters, or codes.
    """

    choices: tuple[tuple[float, tuple[str, ...]], ...]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """All that may stand here."""
        return tuple(dict.fromkeys(t for _, texts in self.choices for t in texts))

    @cached_property
    def by_shape(self) -> tuple[tuple[tuple[frozenset[str], ...], float], ...]:
        """What may stand in the place of each character, and how often.

        Once for each length of a text and each order of digits and others, so that 01 and 2A make no 0A.
        """
        total = sum(weight for weight, _ in self.choices)
        shapes = sorted({_shape(text) for text in self.texts}, key=lambda shape: (len(shape), shape))
        found = []
        for shape in shapes:
            alike = [text for text in self.texts if _shape(text) == shape]
            often = sum(w * sum(t in alike for t in texts) / len(texts) for w, texts in self.choices)
            found.append((tuple(map(frozenset, zip(*alike, strict=True))), often / total if total else 0.0))
        return tuple(found)


def _shape(text: str) -> tuple[bool, ...]:
    """Which characters are digits."""
    return tuple(map(str.isdigit, text))


@dataclass(frozen=True)
class Pattern:
    """A text's places and the marks between them; a mark is a str.

    Attributes:
        weight: how often, among its kind's patterns.
    """

    weight: float
    parts: tuple[Place | str, ...]

    @property
    def characters(self) -> frozenset[str]:
        """All that a text may hold."""
        return frozenset("".join(t for p in self.parts if isinstance(p, Place) for t in p.texts))

    def places(self) -> tuple[tuple[tuple[frozenset[str], ...], float], ...]:
        """What may stand in each place, and how often, once for every combination of shapes of its codes."""
        options = [part.by_shape for part in self.parts if isinstance(part, Place)]
        return tuple(
            (tuple(itertools.chain(*(places for places, _ in one))), math.prod(share for _, share in one))
            for one in itertools.product(*options)
        )

    def marked(self, text: str) -> str | None:
        """*text* with this pattern's marks between its characters; None where it does not fit."""
        found = self._regex.fullmatch(text)
        if found is None:
            return None
        groups = iter(found.groups())
        return "".join(part if isinstance(part, str) else next(groups) for part in self.parts)

    @property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(
            "".join(f"({'|'.join(map(re.escape, p.texts))})" for p in self.parts if isinstance(p, Place))
        )


@dataclass(frozen=True)
class Kind:
    """A kind's patterns, and what its file says of its looks."""

    name: str
    patterns: tuple[Pattern, ...]
    share: float
    rows: int
    plate: dict[str, Any]


@dataclass(frozen=True)
class Country:
    """A country's plates.

    Attributes:
        code: name of the file, e.g. de.
        kinds: by name.
        reads: patterns of texts by kind.
        beyond: further ones, for readers that know all `characters`.
    """

    code: str
    file: CountryFile
    kinds: dict[str, Kind]
    reads: dict[str, tuple[Pattern, ...]]
    beyond: dict[str, tuple[Pattern, ...]]

    @cached_property
    def characters(self) -> frozenset[str]:
        """All that is on its plates."""
        patterns = (p for kind in self.kinds.values() for p in kind.patterns)
        return frozenset().union(*(p.characters for p in patterns))

    def share(self, kind: str) -> float:
        """How frequent a text of this *kind* is for a weight of 1 of its pattern, against other countries'.

        0 where texts are by `reads` or `beyond`, whose frequencies no file says.
        """
        if self.file.reads or kind not in self.kinds:
            return 0.0
        one, all_kinds = self.kinds[kind], sum(kind.share for kind in self.kinds.values())
        weights = sum(pattern.weight for pattern in one.patterns)
        return self.file.share * one.share / (all_kinds * weights) if all_kinds * weights > 0 else 0.0


@cache
def expanded(characters: str) -> str:
    """*characters* with ranges like A-Z written out."""
    return re.sub(
        "(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), characters, flags=re.DOTALL
    )


@cache
def _place(*choices: tuple[float, tuple[str, ...]]) -> Place:
    """One for all patterns that have it: what is worked out of it is worked out once."""
    return Place(choices)


def parse(pattern: str, file: CountryFile, weight: float = 1.0) -> Pattern:
    """*pattern* with the places of *file*."""
    parts: list[Place | str] = []
    for c in pattern:
        if c in file.codes:
            parts.append(_place((1.0, file.codes[c])))
        elif c in file.places:
            given = file.places[c]
            choices = ((1.0, given),) if isinstance(given, str) else given
            parts.append(_place(*((w, tuple(expanded(texts))) for w, texts in choices)))
        elif c == "A":
            parts.append(_place((1.0, tuple(expanded(file.letters)))))
        elif c in "19":
            parts.append(_place((1.0, tuple("0123456789"[c == "1" :]))))
        else:
            parts.append(c if c in MARKS else _place((1.0, (c,))))
    return Pattern(weight, tuple(parts))


def read(path: Path) -> Country:
    """The country in a file.

    Raises:
        FatalError: it cannot be read, or says what no country's file says.
    """
    todo = "see docs/plates.md for what a country's file holds"
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), CountryFile)
    except OSError as error:
        raise FatalError(f"{path}", error.strerror or str(error), "name a file that can be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise FatalError(f"{path}", str(error), todo) from None
    kinds = {}
    for entry in file.kinds:
        weighted = [(1.0, p) if isinstance(p, str) else p for p in entry.patterns]
        kinds[entry.name] = Kind(
            name=entry.name,
            patterns=tuple(parse(p, file, w) for w, p in weighted),
            share=entry.share,
            rows=entry.rows,
            plate=file.plate | entry.plate,
        )
    if file.reads:
        reads: dict[str, tuple[Pattern, ...]] = {name: (parse(p, file),) for name, p in file.reads.items()}
    else:
        reads = {name: kind.patterns for name, kind in kinds.items()}
    beyond: dict[str, tuple[Pattern, ...]] = {name: (parse(p, file),) for name, p in file.beyond.items()}
    return Country(path.stem, file, kinds, reads, beyond)


def codes() -> tuple[str, ...]:
    """The names of this package's files, e.g. de."""
    return tuple(path.stem for path in sorted(FOLDER.glob("*.toml")))


@cache
def shipped_country(code: str) -> Country:
    """The country in this package's file *code*.

    Raises:
        FatalError: there is none.
    """
    return read(FOLDER / f"{code}.toml")


@cache
def shipped() -> tuple[Country, ...]:
    """All countries of this package, by code."""
    return tuple(shipped_country(code) for code in codes())


def named(name: str) -> Country:
    """The country in this package's file *name*, or in the file at the path *name* if that ends in .toml.

    Raises:
        FatalError: there is none, or the file says what no country's file says.
    """
    if name.endswith(".toml"):
        return read(Path(name))
    if name not in codes():
        raise FatalError(f"country {name}", "there is no such file", f"name one of {', '.join(codes())}")
    return shipped_country(name)
