"""The class list of a checkpoint: data that travels with the weights, never an assumption of the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES

MARKS = "警学挂港澳使领"
"""Characters of special plates: police, driving school, trailer, Hong Kong, Macao, embassy, consulate."""
BLANK = "-"
FIRST, LAST = "first", "last"
"""Where a blank may stand that the user does not name."""
_LAST = -1
_SHORT = 60
_BLANKS = (BLANK, "_", "∅")
"""Names for a blank that the class list does not name: the first that is no character of it."""


@dataclass(frozen=True)
class Alphabet:
    """Classes of a CTC model; a class's number is its index.

    Attributes:
        characters: of the classes, the blank's name among them.
        blank: number of the class that means no character; the last one by default.

    Raises:
        FatalError: fewer than two classes, one that is empty or listed twice, or a blank that is none.
    """

    characters: tuple[str, ...]
    blank: int = _LAST

    def __post_init__(self) -> None:
        todo = "list every class once"
        if len(self.characters) < 2:
            raise FatalError("alphabet", f"{len(self.characters)} classes", todo)
        if not all(self.characters):
            raise FatalError("alphabet", f"class {self.characters.index('')} is empty", todo)
        if len(set(self.characters)) != len(self.characters):
            twice = sorted({c for c in self.characters if self.characters.count(c) > 1})
            raise FatalError("alphabet", f"listed twice: {' '.join(twice)}", todo)
        if self.blank == _LAST:
            object.__setattr__(self, "blank", len(self.characters) - 1)
        if not 0 <= self.blank < len(self.characters):
            raise FatalError(
                "alphabet", f"the blank is class {self.blank} of {len(self.characters)}", "count from 0"
            )

    def __len__(self) -> int:
        return len(self.characters)

    @property
    def readable(self) -> tuple[str, ...]:
        """The characters without the blank."""
        return self.characters[: self.blank] + self.characters[self.blank + 1 :]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Class numbers of the characters without the blank."""
        return {c: i for i, c in enumerate(self.characters) if i != self.blank}

    def encode(self, plate: str) -> list[int]:
        """Class numbers of the characters of *plate*.

        Raises:
            FatalError: *plate* has a character that is no class (the blank counts as none).
        """
        try:
            return [self.numbers[c] for c in plate]
        except KeyError as error:
            raise FatalError(
                f"label {plate}",
                f"'{error.args[0]}' is not in the alphabet",
                "correct the label or train with an alphabet that has the character",
            ) from None

    def unknown(self, plate: str) -> set[str]:
        """Characters of *plate* that are no class."""
        return set(plate) - self.numbers.keys()

    def to_json(self) -> str:
        """The classes as a JSON list; `blank` is not in it."""
        return json.dumps(self.characters, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str, blank: int = _LAST) -> Alphabet:
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
        return Alphabet(tuple(value), blank)


def make_alphabet(characters: Sequence[str], blank: str = BLANK) -> Alphabet:
    """Alphabet of *characters* with *blank* appended as the last class."""
    return Alphabet((*characters, blank))


@dataclass(frozen=True)
class ClassList:
    """Characters as a user lists them, in the order of the classes; the blank may be among them or not.

    Attributes:
        text: what the user wrote, for messages.
        characters: in order.
    """

    text: str
    characters: tuple[str, ...]

    def alphabet(self, blank: str | None = None, classes: int | None = None) -> Alphabet:
        """The classes of a network.

        A blank that is `first` or, by default, `last`, as in the published code, is a class more than is
        listed where the network has one more, or is yet to be made; else the first or last one listed.

        Args:
            blank: `first`, `last`, the character that stands for it, or its number, which only counts where
                it is no character; a character that is not listed comes last.
            classes: of the network; None where the list decides.

        Raises:
            FatalError: another number of classes, or no valid alphabet.
        """
        listed = self.characters
        if blank not in (None, FIRST, LAST):
            number = self._number(blank)
            found = Alphabet((*listed, blank)) if number is None else Alphabet(listed, number)
        else:
            end = 0 if blank == FIRST else _LAST
            named = listed[end] == BLANK if listed else False
            if not (len(listed) == classes or (classes is None and named)):
                name = next(name for name in _BLANKS if name not in listed)
                listed = (name, *listed) if blank == FIRST else (*listed, name)
            found = Alphabet(listed, end)
        if classes is not None and classes != len(found):
            own = (
                f" with its blank {found.characters[found.blank]}"
                if len(found) > len(self.characters)
                else ""
            )
            raise FatalError(
                f"alphabet {self.text}",
                f"{len(found)} classes{own}, but the network has {classes}",
                _try_one_of(classes),
            )
        return found

    def _number(self, blank: str) -> int | None:
        if blank in self.characters:
            return self.characters.index(blank)
        if not re.fullmatch("[0-9]{1,5}", blank):
            return None
        if int(blank) >= len(self.characters):
            raise FatalError(
                f"--blank {blank}", f"there are classes 0 to {len(self.characters) - 1}", "count from 0"
            )
        return int(blank)


def read_class_list(text: str) -> ClassList:
    """The class list that *text* is: the name of a known one, of a file, or the characters themselves.

    Among characters `A-Z` stands for all from A to Z, and spaces and commas are left out. A file has a class
    a line, or all in one line as here, or is a list of strings as JSON or Python have it.

    Raises:
        FatalError: a range that ends before it starts, or a file that cannot be read or lists nothing.
    """
    if text in KNOWN:
        return ClassList(text, KNOWN[text].readable)
    path = Path(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        if path.suffix in (".txt", ".json", ".names"):
            raise FatalError(f"alphabet {text}", "no such file", "check the path, or list the characters")
        return ClassList(text, _expanded(text, text))
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"alphabet {text}", f"cannot be read ({error})", "give a UTF-8 text file") from None
    lines = content.split("\n") if "\n" in content else [content]
    lines = [line.removesuffix("\r") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if content.lstrip().startswith("[") and content.rstrip().endswith("]"):
        return ClassList(text, _literal(text, content))
    if not lines:
        raise FatalError(f"alphabet {text}", "the file is empty", "write a class a line")
    return ClassList(text, _expanded(text, lines[0]) if len(lines) == 1 else tuple(map(_class, lines)))


def parse_alphabet(text: str) -> Alphabet:
    """Alphabet that `read_class_list` finds in *text*, for a network that is yet to be made.

    Raises:
        FatalError: as there, or no valid alphabet.
    """
    return read_class_list(text).alphabet()


def known_with(classes: int) -> list[str]:
    """Names of the known lists for a network of so many classes, and what they list."""
    exact = [
        _in_words(name, alphabet.characters) for name, alphabet in KNOWN.items() if len(alphabet) == classes
    ]
    # Networks without a blank of their own take their last character for it.
    return exact or [
        _in_words(name, alphabet.readable) for name, alphabet in KNOWN.items() if len(alphabet) == classes + 1
    ]


def _in_words(name: str, characters: Sequence[str]) -> str:
    ranges = described(characters)
    return f"{name} ({ranges})" if len(ranges) <= _SHORT else name


def described(characters: Iterable[str]) -> str:
    """*characters* as ranges, e.g. `0-9 A-Z`, as `read_class_list` reads them."""
    runs: list[list[str]] = []
    for c in characters:
        follows = runs and len(c) == 1 and ord(c) == ord(runs[-1][-1]) + 1 and c.isascii() and c.isalnum()
        if follows:
            runs[-1].append(c)
        else:
            runs.append([c])
    return " ".join(f"{r[0]}-{r[-1]}" if len(r) > 2 else " ".join(r) for r in runs)


def _try_one_of(classes: int) -> str:
    lists = known_with(classes)
    known = f"; known lists with {classes}: {', '.join(lists)}" if lists else ""
    return f"list all classes in their order{known}"


def _literal(name: str, text: str) -> tuple[str, ...]:
    """A list of strings with either kind of quotes."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(c, str) for c in value):
        raise FatalError(f"alphabet {name}", "not a list of strings", "write a class a line")
    return tuple(value)


def _class(line: str) -> str:
    """The class of a line; a line of spaces is the class of a space."""
    return line.strip() or line[:1]


def _expanded(name: str, text: str) -> tuple[str, ...]:
    """Characters of *text* with its ranges."""

    def expand(match: re.Match[str]) -> str:
        first, last = match.groups()
        if first > last:
            raise FatalError(f"alphabet {name}", f"{match[0]} runs backwards", f"write {last}-{first}")
        return "".join(map(chr, range(ord(first), ord(last) + 1)))

    return tuple("".join(re.sub("(.)-(.)", expand, part) for part in re.split(r"[\s,]+", text)))


PUBLIC = make_alphabet(PROVINCES + DIGITS + LETTERS + "IO")
"""The 68 classes of the public checkpoint `Final_LPRNet_model.pth`, in its order."""

OWN = make_alphabet(PROVINCES + DIGITS + LETTERS + MARKS)
"""The 73 classes of the plates that the default mix draws."""

EVERY_CHINESE = make_alphabet(PROVINCES + DIGITS + LETTERS + MARKS + "民航军空海北沈兰济南广成")
"""Those and what else stands on Chinese plates, civil aviation's and the army's before 2013: the 85 classes
of the Chinese checkpoints shipped here."""

LATIN = make_alphabet(DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "ÄÖÜÅÆØČĆĐŠŽ")
"""Digits, letters and what European plates add to them as it is."""

KOREAN = make_alphabet(
    DIGITS
    + "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"  # private cars
    + "하허호바사아자배"  # hired ones, commercial ones, those that deliver
    + "울산대인천광전세종경기강원충북남제"  # with those above, the names of the regions
    + "외교영준국협정표"  # and of diplomatic kinds
)
"""Digits and the syllables of Korean plates; the name of a region is two classes."""

KNOWN: dict[str, Alphabet] = {
    "cn": OWN,
    "cn-public": PUBLIC,
    "cn-every": EVERY_CHINESE,
    "latin": LATIN,
    "kr": KOREAN,
    "alnum": make_alphabet(DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "alnum-io": make_alphabet(DIGITS + LETTERS + "IO"),
    "alnum-no-io": make_alphabet(DIGITS + LETTERS),
    "russia": make_alphabet(DIGITS + "ABCEHKMOPTXY"),
    "digits": make_alphabet(DIGITS),
}
"""Class lists by name. `alnum-io` is the public list without provinces, in its order: I and O come last."""
