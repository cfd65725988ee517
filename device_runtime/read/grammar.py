"""What a mainland Chinese plate may read, as data, limited to the characters a model knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PROVINCES = frozenset("京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新")
DIGITS = frozenset("0123456789")
LETTERS = frozenset("ABCDEFGHJKLMNPQRSTUVWXYZ")
# O stood in second place on police plates before 警 did; I and O never stand in the serial number.
OFFICES = LETTERS | {"O"}
# GA 36-2018: A–E and F–K mark battery-electric and other new-energy cars.
NEW_ENERGY = frozenset("ABCDEFGHJK")
SERIAL = DIGITS | LETTERS

Pattern = tuple[frozenset[str], ...]

# GA 36-2018, tables 1 and 2: the kinds of plates by what may stand in each place.
PATTERNS: dict[str, Pattern] = {
    "ordinary": (PROVINCES, OFFICES, *[SERIAL] * 5),
    "new energy, small": (PROVINCES, LETTERS, NEW_ENERGY, SERIAL, *[DIGITS] * 4),
    "new energy, large": (PROVINCES, LETTERS, *[DIGITS] * 5, NEW_ENERGY),
    "special": (PROVINCES, LETTERS, *[SERIAL] * 4, frozenset("警学挂领试超")),
    "Hong Kong and Macao": (frozenset("粤"), frozenset("Z"), *[SERIAL] * 4, frozenset("港澳")),
    "embassy": (*[DIGITS] * 6, frozenset("使")),
    "embassy, before 2018": (frozenset("使"), *[DIGITS] * 6),
}


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
