"""Accuracy of a checkpoint on labelled crops, one at a time as a board reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from device_runtime.read.decode import Decoded
from device_runtime.read.preprocess import resize
from device_runtime.report.accuracy import Accuracy, Tally
from lprnet.data.dataset import Sample
from lprnet.evaluation.networks import examiner
from lprnet.locator.checkpoint import load_weights
from lprnet.network.checkpoint import Checkpoint
from lprnet.plates.pixels import Image
from lprnet.weights import LOCATOR

NONE = "∅"
"""Stands for no character in a confusion: left out, or read where none is."""


@dataclass(frozen=True)
class Outcome:
    """A plate and what was read on it.

    Attributes:
        image: uint8[24,94,3] BGR, as the network saw it.
        text: the plate's.
        read: what the network made of it.
    """

    image: Image
    text: str
    read: Decoded

    @property
    def right(self) -> bool:
        """Whether the whole text was read as it is."""
        return self.text == self.read.text


def read_all(checkpoint: Checkpoint, samples: Iterable[Sample]) -> list[Outcome]:
    """Read every sample at batch 1 as a board does that takes images for plates."""
    reader = examiner(checkpoint, load_weights(LOCATOR), crop=True)
    outcomes = []
    for image, text in samples:
        reading = reader.read_crop(image)
        read = Decoded(reading.plate, reading.confidence, reading.character_confidences)
        outcomes.append(Outcome(resize(image), text, read))
    return outcomes


def accuracy(outcomes: Iterable[Outcome]) -> Accuracy:
    """Whole plates right; zeros where there are no outcomes."""
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome.read.text, outcome.text)
    return tally.accuracy() or Accuracy(n=0, correct=0, accuracy=0.0, accuracy_without_province=0.0)


def accuracies(checkpoint: Checkpoint, sets: Mapping[str, Iterable[Sample]]) -> dict[str, float]:
    """Share of whole plates right in each of *sets*, by its name, and right but for the first character."""
    shares = {}
    for name, samples in sets.items():
        result = accuracy(read_all(checkpoint, samples))
        shares[name] = round(result.accuracy, 4)
        shares[f"{name} without province"] = round(result.accuracy_without_province, 4)
    return shares


def by_province(outcomes: Iterable[Outcome]) -> dict[str, Accuracy]:
    """Accuracy by the text's first character, the most frequent first."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.text[:1], []).append(outcome)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return {province: accuracy(group) for province, group in ordered}


def confusions(outcomes: Iterable[Outcome]) -> Counter[tuple[str, str]]:
    """How often each character (first) was read as another (second); `NONE` where one side has none."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        if not outcome.right:
            counts.update(pair for pair in aligned(outcome.text, outcome.read.text) if pair[0] != pair[1])
    return counts


def aligned(text: str, read: str) -> list[tuple[str, str]]:
    """Pairs of characters along a shortest edit (Levenshtein) path from *text* to *read*."""
    rows, columns = len(text) + 1, len(read) + 1
    cost = np.zeros((rows, columns), int)
    cost[:, 0], cost[0] = range(rows), range(columns)
    for i in range(1, rows):
        for j in range(1, columns):
            swap = cost[i - 1, j - 1] + (text[i - 1] != read[j - 1])
            cost[i, j] = min(swap, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs = []
    i, j = len(text), len(read)
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (text[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((text[i], read[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((text[i], NONE))
        else:
            j -= 1
            pairs.append((NONE, read[j]))
    return pairs[::-1]


class Bin(NamedTuple):
    """Plates read with confidence in one range.

    Attributes:
        confidence: their mean one.
        right: share of them that were read right.
        n: how many they are.
    """

    confidence: float
    right: float
    n: int


def reliability(outcomes: Iterable[Outcome], bins: int = 10) -> list[Bin]:
    """The plates in each of *bins* equal ranges of confidence that has any."""
    groups: list[list[Outcome]] = [[] for _ in range(bins)]
    for outcome in outcomes:
        groups[min(int(outcome.read.confidence * bins), bins - 1)].append(outcome)
    return [
        Bin(float(np.mean([o.read.confidence for o in g])), sum(o.right for o in g) / len(g), len(g))
        for g in groups
        if g
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015): plates' mean |share right − confidence|."""
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.right - b.confidence) for b in bins) / n if n else 0.0
