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
from device_runtime.errors import FatalError
from device_runtime.read.confidence import FEWEST, FULL_WIDTH, Features, confidence
from device_runtime.read.decoder import Decoder
from device_runtime.read.looks import Logits
from device_runtime.read.preprocess import resize
from device_runtime.sources.image import Image
from lprnet.data.dataset import Sample
from lprnet.data.mixture import fewer, to_input
from lprnet.evaluation.evaluate import Bin
from lprnet.network.checkpoint import Checkpoint
from lprnet.plates import render
from lprnet.plates.camera import rephotograph
from lprnet.plates.recombine import stock
from lprnet.scenes.crops import NOTHING, Crops, Located

NARROWEST = 20.0
"""px, of crops that other detectors cut."""
DOUBT = 2.5
"""`ConfidenceInfo.doubt`: it takes log odds of 0.972 at 54 px and of 0.997 at 40 to be as sure as 0.9."""
_RIDGE = 1e-3
"""Weight of the squared weights beside the mean log loss: features are not centred, and some never vary."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A reading and the truth.

    Attributes:
        read: the text.
        text: what is on the plate; `NOTHING` on what is none.
        values: `read.confidence.features`.
        width: of the plate where it was photographed, px.
    """

    read: str
    text: str
    values: Features
    width: float

    @property
    def right(self) -> bool:
        """Whether that is what the plate says."""
        return self.read == self.text


def judged(checkpoint: Checkpoint, crops: Iterable[Located], with_grammar: bool = False) -> list[Judged]:
    """Readings of *crops*; those of fewer than `FEWEST` characters, which are none, are left out.

    They are made as a board makes them, the plate grammar having a say in the texts *with_grammar*.
    """
    model, alphabet = checkpoint.model(), checkpoint.alphabet
    decoder = Decoder(alphabet.characters, alphabet.blank, None, with_grammar)

    def infer(image: Image) -> Logits:
        with torch.inference_mode():
            images = to_input(resize(image)[None], checkpoint.preprocess)
            return np.asarray(model(torch.from_numpy(images))[0].numpy())

    readings = []
    for crop in crops:
        read = decoder.read(crop.image, crop.width, infer)
        if len(read.decoded.labels) >= FEWEST:
            readings.append(Judged(read.decoded.text, crop.text, read.features, crop.width))
    return readings


def practice(rng: Generator, crops: Crops, seed: int, index: int) -> Located:
    """A crop to fit on: three fifths as a locator delivers them, the rest as cut by other detectors.

    Of these, three quarters are photographed again in fewer pixels, as if they were far away.
    """
    strength = rng.uniform(0.6, 1.1)
    if rng.random() < 0.6:
        return crops.draw(rng, strength)
    image, text = _other_detector(rng, crops, strength, seed, index)
    width = FULL_WIDTH
    if rng.random() < 0.75:
        width = float(round(np.exp(rng.uniform(np.log(NARROWEST), np.log(FULL_WIDTH)))))
        image = fewer(image, int(width))
    return Located(image, text, width, 1)


def unseen(crops: Sequence[Sample], count: int, seed: int) -> tuple[Sample, ...]:
    """*count* crops of the characters of real ones, in texts that no training has seen; none of no crops.

    A network that was trained on a real crop reads it more often than others like it, however small it is.
    """
    donors = stock(crops)
    if not donors.donors:
        return tuple(crops)
    return donors.some(count, seed)


def _other_detector(rng: Generator, crops: Crops, strength: float, seed: int, index: int) -> Sample:
    if crops.real and rng.random() < 0.5:
        image, text = crops.real[int(rng.integers(len(crops.real)))]
        return rephotograph(rng, image, strength), text
    crop = render(seed, index, strength, crops.kind)
    return crop.image, crop.text


def fit(readings: Sequence[Judged], least: float = 0.0, doubt: float = DOUBT) -> ConfidenceInfo:
    """The weights under which *readings* are most likely right where they are: logistic regression.

    *least* and *doubt* are as of `ConfidenceInfo`; the weights are those without any doubt.

    Raises:
        FatalError: there are no readings.
    """
    if not readings:
        raise FatalError("the network", "reads no text on any of the crops", "train it first")
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
    offset, characters, gap, grammar, width, narrow = (round(float(v), 4) for v in weights / scale)
    return ConfidenceInfo(
        offset=offset,
        characters=characters,
        gap=gap,
        grammar=grammar,
        width=width,
        narrow=narrow,
        doubt=doubt,
        least=least,
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


@dataclass(frozen=True, kw_only=True)
class ByWidth:
    """Readings of plates of like width.

    Attributes:
        widest: px.
        n: readings.
        confidence: their mean one.
        right: share of them that are right.
        sure: of them, with a confidence above 0.9.
        wrong: of the sure ones, those that are not right.
    """

    widest: float
    n: int
    confidence: float
    right: float
    sure: int
    wrong: int


SURE = 0.9
"""Confidence above which a reading should hardly ever be wrong."""


def by_width(info: ConfidenceInfo, readings: Sequence[Judged], edges: Sequence[float]) -> list[ByWidth]:
    """*readings* by the plate's width, between *edges*."""
    found = []
    for low, high in pairwise(edges):
        inside = [(confidence(info, r.values), r.right) for r in readings if low <= r.width < high]
        if inside:
            sure, right = (np.array(column, float) for column in zip(*inside, strict=True))
            above = sure > SURE
            found.append(
                ByWidth(
                    widest=high,
                    n=len(inside),
                    confidence=float(sure.mean()),
                    right=float(right.mean()),
                    sure=int(above.sum()),
                    wrong=int((right[above] == 0).sum()),
                )
            )
    return found


def false_readings(info: ConfidenceInfo, readings: Sequence[Judged], least: float) -> int:
    """How many of *readings* of what is no plate have a confidence of at least *least*."""
    return sum(one.text == NOTHING and confidence(info, one.values) >= least for one in readings)
