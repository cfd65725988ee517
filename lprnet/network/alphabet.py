"""The class list of a checkpoint: data that travels with the weights, never an assumption of the code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from device_runtime.errors import FatalError
from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES

MARKS = "警学挂港澳使领"
"""Characters of special plates: police, driving school, trailer, Hong Kong, Macao, embassy, consulate."""
BLANK = "-"


@dataclass(frozen=True)
class Alphabet:
    """Classes of a CTC model; a class's number is its index, and the blank is the last one.

    Raises:
        FatalError: fewer than two classes, or a class that is empty or listed twice.
    """

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        todo = "list every class once, the blank last"
        if len(self.characters) < 2:
            raise FatalError("alphabet", f"{len(self.characters)} classes", todo)
        if not all(self.characters):
            raise FatalError("alphabet", f"class {self.characters.index('')} is empty", todo)
        if len(set(self.characters)) != len(self.characters):
            twice = sorted({c for c in self.characters if self.characters.count(c) > 1})
            raise FatalError("alphabet", f"listed twice: {' '.join(twice)}", todo)

    def __len__(self) -> int:
        return len(self.characters)

    @property
    def blank(self) -> int:
        """Class number of the CTC blank."""
        return len(self.characters) - 1

    @cached_property
    def _index(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.characters[: self.blank])}

    def encode(self, plate: str) -> list[int]:
        """Class numbers of the characters of *plate*.

        Raises:
            FatalError: *plate* has a character that is no class (the blank counts as none).
        """
        try:
            return [self._index[c] for c in plate]
        except KeyError as error:
            raise FatalError(
                f"label {plate}",
                f"'{error.args[0]}' is not in the alphabet",
                "correct the label or train with an alphabet that has the character",
            ) from None

    def unknown(self, plate: str) -> set[str]:
        """Characters of *plate* that are no class."""
        return set(plate) - self._index.keys()

    def to_json(self) -> str:
        return json.dumps(self.characters, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Alphabet:
        """Parse what `to_json` wrote.

        Raises:
            FatalError: *text* is not a JSON list of strings, or no valid alphabet.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise FatalError(
                "alphabet", f"not JSON ({error})", "write it as a JSON list of strings"
            ) from None
        if not isinstance(value, list) or not all(isinstance(c, str) for c in value):
            raise FatalError("alphabet", "not a list of strings", "write it as a JSON list of strings")
        return Alphabet(tuple(value))


def make_alphabet(characters: Sequence[str], blank: str = BLANK) -> Alphabet:
    """Alphabet of *characters* with *blank* appended as the last class."""
    return Alphabet((*characters, blank))


def parse_alphabet(text: str) -> Alphabet:
    """Alphabet of the characters of *text*, where `A-Z` stands for all from A to Z; the blank is appended.

    Raises:
        FatalError: a range that ends before it starts, or no valid alphabet.
    """

    def expand(match: re.Match[str]) -> str:
        first, last = match.groups()
        if first > last:
            raise FatalError(f"alphabet {text}", f"{match[0]} runs backwards", f"write {last}-{first}")
        return "".join(map(chr, range(ord(first), ord(last) + 1)))

    return make_alphabet(re.sub("(.)-(.)", expand, text))


PUBLIC = make_alphabet(PROVINCES + DIGITS + LETTERS + "IO")
"""The 68 classes of the public checkpoint `Final_LPRNet_model.pth`, in its order."""

OWN = make_alphabet(PROVINCES + DIGITS + LETTERS + MARKS)
"""The 73 classes of the checkpoint shipped here: everything that `lprnet.plates` draws."""
