"""A plate among a million, by its looks: what is kept of each, and where to look for one.

`look_alike.distance` costs 0 or ½ between characters that look alike. Their groups, joined where they share
a character, are classes (`2Z`, `14ALPR7TI` …) that are each written as one character here. Texts less than 2
apart are then the same, or one edit – a character replaced, missing or too many – apart: two edits between
classes would cost 2. One edit is either behind the first *h* characters of the shorter half or before
the others, so that one of two pieces stands as it was:

    query      粤 B 1 2 | 3 4 5
    found by   粤 B 1 2 …              the beginning, in the index of `folded`
               … 3 4 5                 the end, in the index of `backwards`

What is found there is compared as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.follow.look_alike import SAME, SIMILAR, distance

MAX_DISTANCE = 1.5
"""From 2 on two edits would have to be looked for."""

LAST = "\U0010ffff"
"""Behind all characters: no letter or digit."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What a plate is found by.

    Attributes:
        text: normalised.
        folded: a character for each class of look-alikes.
        backwards: the same from its end.
    """

    text: str
    folded: str
    backwards: str


@dataclass(frozen=True, kw_only=True)
class Range:
    """Texts of the column *column* from *first*, included, to *last*."""

    column: str
    first: str
    last: str


def _classes() -> dict[str, str]:
    groups = [set(group) for group in (*SAME, *SIMILAR)]
    merged: list[set[str]] = []
    for group in groups:
        touching = [one for one in merged if one & group]
        merged = [one for one in merged if not one & group] + [group.union(*touching)]
    return {character: min(group) for group in merged for character in group}


_CLASS = _classes()
"""Character → the first one of all that it may be taken for, one after another."""


def looks_of(text: str) -> Looks:
    """What the plate *text*, normalised, is found by."""
    classes = "".join(_CLASS.get(c, c) for c in text)
    return Looks(text=text, folded=classes, backwards=classes[::-1])


def ranges(text: str, most: float | None) -> tuple[Range, ...]:
    """Where all plates are that are at most *most* apart from *text*, normalised.

    Args:
        text: with a `*` at its end or beginning: all that begin, or end, so.
        most: at most `MAX_DISTANCE`; None: the very text.
    """
    looks = looks_of(text.strip("*"))
    if text.endswith("*"):
        return (Range(column="folded", first=looks.folded, last=looks.folded + LAST),)
    if text.startswith("*"):
        return (Range(column="backwards", first=looks.backwards, last=looks.backwards + LAST),)
    if most is None:
        return (Range(column="text", first=text, last=text),)
    if most < 1:
        return (Range(column="folded", first=looks.folded, last=looks.folded),)
    # The beginning says less than the end: it is the same in all of a town.
    length = (len(text) + 2) // 2
    begin, end = looks.folded[:length], looks.backwards[: max(len(text) - length, 0)]
    return (
        Range(column="folded", first=begin, last=begin + LAST),
        Range(column="backwards", first=end, last=end + LAST),
    )


def fits(text: str, wanted: str, most: float | None) -> bool:
    """Whether the plate *text*, from one of the `ranges` of *wanted*, is meant by it."""
    if wanted.endswith("*"):
        return text.startswith(wanted[:-1])
    if wanted.startswith("*"):
        return text.endswith(wanted[1:])
    if most is None:
        return text == wanted
    return distance(text, wanted, most) <= most
