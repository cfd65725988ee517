"""How far apart two texts look: an edit distance in which look-alike characters cost little or nothing."""

from __future__ import annotations

import math
from functools import lru_cache

from device_runtime.countries.country import shipped_country

MOST_CHARACTERS = 32
"""Of a text that are compared; plates have 12 at most, and the time grows with the square."""

_FILE = shipped_country("zz").file.look_alikes
SAME = _FILE.same
"""Cost nothing within a group."""

SIMILAR = _FILE.similar
"""Cost `SIMILAR_COST`: pairs of one stroke's difference. A character stands for its whole group of `SAME`."""
SIMILAR_COST = 0.5

_FIRST = {character: group[0] for group in SAME for character in group}
_SIMILAR = dict.fromkeys(
    ((_FIRST.get(p[i], p[i]), _FIRST.get(p[~i], p[~i])) for p in SIMILAR for i in (0, 1)), SIMILAR_COST
)
"""Pairs of folded characters, both ways → `SIMILAR_COST`."""

Pair = tuple[int | None, int | None]
"""Places in two texts that stand for each other; None where one text has nothing there."""


def normalised(text: str) -> str:
    """*text* without blanks, dots and dashes, in capitals, cut after `MOST_CHARACTERS`."""
    # A capital may be several characters, so that it is cut last.
    return "".join(c for c in text[: 4 * MOST_CHARACTERS] if c.isalnum()).upper()[:MOST_CHARACTERS]


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """*text*, normalised, with the first character of its group for each: equal where the distance is 0."""
    return "".join(_FIRST.get(c, c) for c in normalised(text))


def cost(one: str, other: str) -> float:
    """Of taking a character for another: 0, `SIMILAR_COST` or 1. A metric over groups of `SAME`."""
    one, other = _FIRST.get(one, one), _FIRST.get(other, other)
    return 0.0 if one == other else _SIMILAR.get((one, other), 1.0)


def distance(one: str, other: str, most: float = math.inf) -> float:
    """Least sum of costs that turns *one* into *other*: `cost` a replacement, 1 a character more or less.

    Levenshtein's with weights (Wagner and Fischer, The String-to-String Correction Problem, 1974). A metric
    over normalised texts, except that it is 0 between look-alikes too. Infinite where it is more than *most*,
    which is found out sooner.
    """
    one, other = folded(one), folded(other)
    if one == other:
        return 0.0
    return math.inf if abs(len(one) - len(other)) > most else _distance(*sorted((one, other)), most)


@lru_cache(maxsize=4096)
def _distance(one: str, other: str, most: float) -> float:
    row = [float(i) for i in range(len(other) + 1)]
    for i, a in enumerate(one):
        diagonal, row[0] = row[0], i + 1.0
        for j, b in enumerate(other):
            replaced = diagonal if a == b else diagonal + _SIMILAR.get((a, b), 1.0)
            best = min(replaced, row[j] + 1, row[j + 1] + 1)
            diagonal, row[j + 1] = row[j + 1], best
        if min(row) > most:
            return math.inf
    return row[-1] if row[-1] <= most else math.inf


def align(one: str, other: str) -> list[Pair]:
    """Which characters of two texts stand for each other, in their order, at the least `distance`.

    Of texts of at most `MOST_CHARACTERS`; an equal character is preferred to a look-alike.
    """
    n, m = len(one), len(other)
    table = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        for j in range(m + 1):
            if not i or not j:
                table[i][j] = float(i + j)
            else:
                table[i][j] = min(
                    table[i - 1][j - 1] + _dearer(one[i - 1], other[j - 1]),
                    table[i - 1][j] + 1,
                    table[i][j - 1] + 1,
                )
    pairs: list[Pair] = []
    i, j = n, m
    while i or j:
        if i and j and table[i][j] == table[i - 1][j - 1] + _dearer(one[i - 1], other[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and table[i][j] == table[i - 1][j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def _dearer(one: str, other: str) -> float:
    """`cost`, and an eighth for a look-alike: exact in binary, so that sums can be compared."""
    return 0.0 if one == other else 0.125 + 0.875 * cost(one, other)
