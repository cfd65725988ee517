"""A plate among a million, by its looks: what is kept of each, and where to look for one.

`look_alike.distance` costs nothing or ½ between characters that look alike. Its groups of such, joined where
they share a character, are classes: `1I7LT`, `4APR` … Kept beside a plate is a text with one character for
each class, `folded`. Texts less than 2 apart are the same when folded, or one edit apart, which is a
character replaced, missing or too many: two edits between classes cost 2.

One edit leaves either the beginning of a text as it was or its end:

    query      粤 B 1 2 │ 3 4 5
    found by   粤 B 1 2 …              in the index of `folded`
               … 3 4 5                 in the index of `backwards`, which is `folded` from its end

What is found there is compared as a whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from device_runtime.follow.look_alike import SAME, SIMILAR

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


FOLDING = hashlib.sha256(repr(sorted(_CLASS.items())).encode()).digest()
"""Of the classes: where they change, all plates are folded anew."""


def looks_of(text: str) -> Looks:
    """What the plate *text*, normalised, is found by."""
    classes = "".join(_CLASS.get(c, c) for c in text)
    return Looks(text=text, folded=classes, backwards=classes[::-1])


def ranges(looks: Looks, most: float) -> tuple[Range, ...]:
    """Where all plates are that are at most *most*, not above `MAX_DISTANCE`, apart from one."""
    if most < 1:
        return (Range(column="folded", first=looks.folded, last=looks.folded),)
    # The beginning says less than the end: it is the same in all of a town.
    length = (len(looks.text) + 2) // 2
    begin, end = looks.folded[:length], looks.folded[length:][::-1]
    return (
        Range(column="folded", first=begin, last=begin + LAST),
        Range(column="backwards", first=end, last=end + LAST),
    )


def one_edit(one: str, other: str) -> bool:
    """Whether one character at most is replaced, missing or too many; sooner known than a distance."""
    if abs(len(one) - len(other)) > 1:
        return False
    most = min(len(one), len(other))
    same = next((i for i in range(most) if one[i] != other[i]), most)
    rest, others = one[same:], other[same:]
    return rest[1:] == others[1:] or rest == others[1:] or rest[1:] == others
