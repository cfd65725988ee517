"""What a mainland Chinese plate may read, as data, limited to the characters a model knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PROVINCES = "京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新"
"""In the order of the public checkpoint's classes."""
DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""GA 36 leaves out I and O, which look like 1 and 0."""
OFFICES = LETTERS + "O"
"""O stood in second place on police plates before 警 did; I and O never stand in the serial number."""
NEW_ENERGY = "ABCDEFGHJK"
"""GA 36-2018: A–E mark battery-electric cars, F–K other new-energy ones."""
SERIAL = DIGITS + LETTERS

Pattern = tuple[frozenset[str], ...]
"""The characters that may stand in each place."""


def _places(*places: str) -> Pattern:
    return tuple(map(frozenset, places))


PATTERNS: dict[str, Pattern] = {
    "ordinary": _places(PROVINCES, OFFICES, *[SERIAL] * 5),
    "new energy, small": _places(PROVINCES, LETTERS, NEW_ENERGY, SERIAL, *[DIGITS] * 4),
    "new energy, large": _places(PROVINCES, LETTERS, *[DIGITS] * 5, NEW_ENERGY),
    "special": _places(PROVINCES, LETTERS, *[SERIAL] * 4, "警学挂领试超"),
    "Hong Kong and Macao": _places("粤", "Z", *[SERIAL] * 4, "港澳"),
    "embassy": _places(*[DIGITS] * 6, "使"),
    "embassy, before 2018": _places("使", *[DIGITS] * 6),
}
"""The kinds of plates of GA 36-2018, tables 1 and 2."""


@dataclass(frozen=True)
class Grammar:
    """Patterns, each with a non-empty set of characters for every place."""

    patterns: dict[str, Pattern]

    def kind(self, characters: Sequence[str]) -> str | None:
        """The name of the first pattern that *characters* fit, or None."""
        for name, pattern in self.patterns.items():
            if len(pattern) == len(characters) and all(
                c in p for c, p in zip(characters, pattern, strict=True)
            ):
                return name
        return None

    def accepts(self, characters: Sequence[str]) -> bool:
        return self.kind(characters) is not None


def for_alphabet(alphabet: Iterable[str], patterns: dict[str, Pattern] = PATTERNS) -> Grammar:
    """*patterns* limited to *alphabet*; those with a place that no known character fits are left out."""
    known = frozenset(alphabet)
    limited = {name: tuple(place & known for place in pattern) for name, pattern in patterns.items()}
    return Grammar({name: pattern for name, pattern in limited.items() if all(pattern)})
