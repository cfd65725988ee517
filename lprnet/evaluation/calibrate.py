"""Fits what a bundle's `confidence` is made of to readings whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.read.confidence import confidence, features
from device_runtime.read.decode import greedy
from device_runtime.read.grammar import for_alphabet
from lprnet.data.dataset import Sample
from lprnet.data.mixture import fewer, to_input
from lprnet.evaluation.evaluate import Bin
from lprnet.network.checkpoint import Checkpoint
from lprnet.plates import render
from lprnet.plates.camera import rephotograph
from lprnet.scenes.crops import NOTHING, Crops, Located

BATCH = 64
_RIDGE = 1e-3
"""Weight of the squared weights beside the mean log loss: features are not centred, and some never vary."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A reading and the truth.

    Attributes:
        read: the text.
        text: what is on the plate; `NOTHING` on what is none.
        values: `read.confidence.features`.
    """

    read: str
    text: str
    values: tuple[float, float, float, float]

    @property
    def right(self) -> bool:
        """Whether that is what the plate says."""
        return self.read == self.text


def judged(checkpoint: Checkpoint, crops: Iterable[Located]) -> list[Judged]:
    """Greedy readings of *crops*; those without a text, which have no confidence, are left out."""
    model, alphabet = checkpoint.model(), checkpoint.alphabet
    grammar = for_alphabet(alphabet.characters)
    readings: list[Judged] = []
    batch: list[Located] = []

    def read() -> None:
        with torch.inference_mode():
            images = to_input(np.stack([crop.image for crop in batch]))
            all_logits = model(torch.from_numpy(images)).numpy()
        for crop, logits in zip(batch, all_logits, strict=True):
            decoded = greedy(logits, alphabet.characters, alphabet.blank)
            if decoded.text:
                fits = grammar.accepts(decoded.text)
                readings.append(Judged(decoded.text, crop.text, features(decoded, logits, fits, crop.width)))
        batch.clear()

    for crop in crops:
        batch.append(crop)
        if len(batch) == BATCH:
            read()
    if batch:
        read()
    return readings


def practice(rng: Generator, crops: Crops, seed: int, index: int) -> Located:
    """A crop to fit on: three quarters as a locator delivers them, the rest as cut by other detectors.

    Of these, half are photographed again in fewer pixels, as if they were far away.
    """
    strength = rng.uniform(0.6, 1.1)
    if rng.random() < 0.75:
        return crops.draw(rng, strength)
    sample = _other_detector(rng, crops.real, strength, seed, index)
    width = 94.0
    if rng.random() < 0.5:
        width = round(float(np.exp(rng.uniform(np.log(24), np.log(94)))))
        sample = fewer(sample[0], int(width)), sample[1]
    return Located(sample[0], sample[1], width, 1)


def _other_detector(rng: Generator, real: Sequence[Sample], strength: float, seed: int, index: int) -> Sample:
    if real and rng.random() < 0.5:
        image, text = real[int(rng.integers(len(real)))]
        return rephotograph(rng, image, strength), text
    crop = render(seed, index, strength)
    return crop.image, crop.text


def fit(readings: Sequence[Judged], least: float = 0.0) -> ConfidenceInfo:
    """The weights under which *readings* are most likely right where they are: logistic regression."""
    inputs = np.array([(1.0, *one.values) for one in readings])
    right = np.array([one.right for one in readings], float)
    # Newton's method, on features of like size.
    scale = np.maximum(np.abs(inputs).mean(0), 1e-6)
    x = inputs / scale
    weights = np.zeros(x.shape[1])
    penalty = np.full(x.shape[1], _RIDGE)
    penalty[0] = 0
    for _ in range(40):
        sure = 1 / (1 + np.exp(-np.clip(x @ weights, -40, 40)))
        slope = x.T @ (sure - right) / len(x) + penalty * weights
        curve = (x * (sure * (1 - sure))[:, None]).T @ x / len(x) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    offset, characters, gap, grammar, width = (round(float(v), 4) for v in weights / scale)
    return ConfidenceInfo(
        offset=offset, characters=characters, gap=gap, grammar=grammar, width=width, least=least
    )


def least_confidence(info: ConfidenceInfo, readings: Sequence[Judged], lost: float) -> float:
    """The confidence, in whole hundredths, below which at most the share *lost* of the right readings is."""
    sure = sorted(confidence(info, one.values) for one in readings if one.right)
    return int(100 * sure[int(lost * len(sure))]) / 100 if sure else 0.0


def bins(info: ConfidenceInfo, readings: Sequence[Judged], edges: Sequence[float]) -> list[Bin]:
    """Readings by confidence, between *edges*."""
    sure = np.array([confidence(info, one.values) for one in readings])
    right = np.array([one.right for one in readings])
    found = []
    for low, high in pairwise(edges):
        inside: NDArray[np.bool_] = (sure >= low) & ((sure < high) | (high >= 1))
        if inside.any():
            found.append(Bin(float(sure[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    return found


def false_readings(info: ConfidenceInfo, readings: Sequence[Judged], least: float) -> int:
    """How many of *readings* of what is no plate have a confidence of at least *least*."""
    return sum(one.text == NOTHING and confidence(info, one.values) >= least for one in readings)
