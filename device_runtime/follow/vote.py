"""One text from many readings of a plate, each character by weighted vote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from device_runtime.follow.look_alike import align, distance

MOST_TEXTS = 32
"""Different texts a tally remembers; the lightest makes room."""
MOST_ALTERNATIVES = 5
_PIVOTS = 8
"""Texts that others are aligned to, tried heaviest first."""
_LEAST = 1e-6
"""Weight and confidence count as this much at least, so that every reading has a vote."""
AGREE = 1.0
"""Look-alike distance up to which two readings say the same."""


@dataclass(frozen=True)
class Ballot:
    """All readings of one text.

    Attributes:
        text: normalised, not empty.
        readings: how many.
        weight: their sum.
        votes: of each character, the sum of weight × confidence.
        surest: of each character, the highest confidence.
    """

    text: str
    readings: int
    weight: float
    votes: tuple[float, ...]
    surest: tuple[float, ...]

    @property
    def vote(self) -> float:
        """Mean of its characters' votes: what it says against a character that it has not."""
        return sum(self.votes) / len(self.votes)

    def plus(self, other: Ballot) -> Ballot:
        """With the readings of *other*, of the same text."""
        return Ballot(
            self.text,
            self.readings + other.readings,
            self.weight + other.weight,
            tuple(a + b for a, b in zip(self.votes, other.votes, strict=True)),
            tuple(max(pair) for pair in zip(self.surest, other.surest, strict=True)),
        )


def ballot(text: str, confidences: Sequence[float], weight: float) -> Ballot:
    """A single reading of *text*, a confidence from 0 to 1 for each character, that weighs *weight* (≥ 0)."""
    weight = max(weight, _LEAST)
    sure = tuple(min(max(c, _LEAST), 1.0) for c in confidences)
    if len(sure) != len(text) or not text:
        raise ValueError(f"{len(sure)} confidences of {len(text)} characters")
    return Ballot(text, 1, weight, tuple(weight * c for c in sure), sure)


@dataclass(frozen=True)
class Alternative:
    """Another text that was read.

    Attributes:
        text: what.
        weight: its share of all readings' weight, 0 to 1.
        confidence: that share times the surest reading's confidence.
    """

    text: str
    weight: float
    confidence: float


@dataclass(frozen=True)
class Vote:
    """What all readings say together.

    Attributes:
        text: the winners of all places; perhaps none of the texts that were read.
        confidence: that all of it is right: the product of the winners' and of the shares for there being no
            character where some readings have one.
        character_confidences: of each winner its share of the votes in its place × its surest reading's.
            Frames of one passage err alike, so that agreement makes no text surer than its surest reading.
        alternatives: texts that were read beside it, heaviest first, at most `MOST_ALTERNATIVES`.
        agreeing: readings within `AGREE` of the text.
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    alternatives: tuple[Alternative, ...]
    agreeing: int


class Tally:
    """Readings so far, summed up by text: bounded by `MOST_TEXTS`, however many there are.

    Attributes:
        readings: how many were added.
    """

    def __init__(self) -> None:
        self._ballots: dict[str, Ballot] = {}
        self.readings = 0
        self.leader = ""
        """The text that weighs most; empty before the first reading."""

    def add(self, one: Ballot) -> None:
        """Count *one*, a reading or several of one text."""
        self.readings += one.readings
        self._count(one)

    def merge(self, other: Tally) -> None:
        """Count all readings of *other*."""
        self.readings += other.readings
        for one in other.ballots:
            self._count(one)

    def _count(self, one: Ballot) -> None:
        known = self._ballots.get(one.text)
        if known is None and len(self._ballots) >= MOST_TEXTS:
            del self._ballots[min(self.ballots, key=_lightness).text]
        self._ballots[one.text] = counted = known.plus(one) if known else one
        leader = self._ballots.get(self.leader)
        if leader is None or _lightness(counted) > _lightness(leader):
            self.leader = one.text

    @property
    def ballots(self) -> tuple[Ballot, ...]:
        """One for each text."""
        return tuple(self._ballots.values())

    @property
    def agreeing(self) -> int:
        """Readings within `AGREE` of the leader."""
        return agreeing(self.ballots, self.leader)


def agreeing(ballots: Iterable[Ballot], text: str) -> int:
    """Readings within `AGREE` of *text*."""
    return sum(b.readings for b in ballots if distance(b.text, text, AGREE) <= AGREE)


def _lightness(one: Ballot) -> tuple[float, str]:
    return sum(one.votes), one.text


def vote(ballots: Sequence[Ballot]) -> Vote:
    """Each character's winner by the sum of weight × confidence, over texts aligned by edit distance.

    ```
    粤B1234   ┐                     粤 B  1  2  3  4  -
    粤B12345  ├─ aligned to the ──▶ 粤 B  1  2  3  4  5  ──▶ a winner in each column
    粤812345  ┘  middlemost text    粤 8  1  2  3  4  5
    ```

    After ROVER (Fiscus, A Post-Processing System to Yield Reduced Word Error Rates, 1997); its backbone is
    the text that is nearest to all others. The order of *ballots*, at least one, does not matter.
    """
    ranked = sorted(ballots, key=_lightness, reverse=True)
    pivot = min(ranked[:_PIVOTS], key=lambda p: sum(b.vote * distance(p.text, b.text) for b in ranked)).text
    # (i, 1, 0) is the column of the pivot's i-th character, (i, 0, k) the k-th of those inserted before it.
    columns: dict[tuple[int, int, int], dict[str, tuple[float, float]]] = {
        (i, 1, 0): {} for i in range(len(pivot))
    }
    present: dict[tuple[int, int, int], float] = dict.fromkeys(columns, 0.0)
    for one in ranked:
        at, inserted = 0, 0
        for i, j in align(pivot, one.text):
            key = (at, 0, inserted) if i is None else (i, 1, 0)
            at, inserted = (at, inserted + 1) if i is None else (i + 1, 0)
            if j is not None:
                column = columns.setdefault(key, {})
                votes, surest = column.get(one.text[j], (0.0, 0.0))
                column[one.text[j]] = votes + one.votes[j], max(surest, one.surest[j])
                present[key] = present.get(key, 0.0) + one.vote
    everybody = sum(one.vote for one in ranked)
    text, sure, confidence = "", [], 1.0
    for key in sorted(columns):
        column = columns[key]
        absent = max(everybody - present[key], 0.0)
        total = sum(votes for votes, _ in column.values()) + absent
        best = max(column, key=lambda c: (column[c][0], c))
        votes, surest = column[best]
        if absent > votes:
            confidence *= absent / total
        else:
            text += best
            sure.append(votes / total * surest)
    confidence *= math.prod(sure)
    if not text:
        # Readings that have nothing in common.
        text, sure = ranked[0].text, [v / (len(ranked) * ranked[0].weight) for v in ranked[0].votes]
        confidence = math.prod(sure)
    weight = sum(one.weight for one in ranked)
    others = [
        Alternative(one.text, one.weight / weight, one.weight / weight * math.prod(one.surest))
        for one in ranked
        if one.text != text
    ]
    others.sort(key=lambda other: -other.weight)
    return Vote(
        text, min(confidence, 1.0), tuple(sure), tuple(others[:MOST_ALTERNATIVES]), agreeing(ranked, text)
    )
