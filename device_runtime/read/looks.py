"""More looks at a plate whose first reading is unsure.

A network that hesitates between two texts often does not where the same plate is shown a little larger or
smaller. So it then reads the image twice more, and the text that all three looks make likeliest counts
(test-time augmentation: Krizhevsky et al., ImageNet Classification with Deep CNNs, 2012; here of texts):

    image ── as it is ──▶ infer ──▶ sure? ── yes ──────────────────────────▶ text
             tighter    ──▶ infer ──┐  no                                      ▲
             wider      ──▶ infer ──┤                                          │
             closer     ──▶ infer ──┴──▶ mean, over looks, of P(text | look) ──┘

The closer look is taken where the image is finer than the network's input and bands and seals leave its text
little of the width. Who has other views of the plate offers them, too: they are looked at, each as it is and
closer, where these looks leave doubt.

A single look is never enough for an image that is finer than the network's input: one may merge equal
neighbours and be sure. There all of these looks have to give the same text, or it is in doubt. (Of 1,368
rendered Latin plates in upright boxes 1,236 are read so instead of 1,226, with 8.4 instead of 6 looks each.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.read.decode import (
    Decoded,
    aligned,
    decoded,
    log_prior,
    log_probability_each,
    log_softmax,
    merged,
)
from device_runtime.read.grammar import Grammar
from device_runtime.read.preprocess import DEFAULT
from device_runtime.sources.image import Image

SURE = 0.9
"""Product of the characters' probabilities from which on one look is enough."""
Logits = NDArray[np.float32]
"""float32[classes,steps], before softmax."""

CLEAREST = 3
"""Looks whose mean a text's confidence is; of more, a turned plate may be seen from the front in few."""


class Look(NamedTuple):
    """What to leave out of the image at each side, in shares of its width and height; negative: to add."""

    across: float
    down: float


LOOKS = (Look(0.02, 0.06), Look(-0.02, -0.04))
"""A little tighter, and a little wider: of five pairs the best on rendered Latin plates, in upright boxes and
at a locator's corners, and no worse on Chinese ones."""

FILLED = 0.8
"""Share of the width that a text fills in a closer look: of four shares from 0.8 to 0.9 the best on 3,420
rendered Latin plates of all kinds, of which 30 more are read so, most of them straightened."""
LARGEST_PART = 0.97
"""Share of an image from which on its part is no closer look."""
UNSURE_STEPS = 3
"""Of a look: with 2, 3 and 4 of them 13, 14 and 19 more of those Latin plates are read, with beams 15."""
FEWEST_CHARACTERS = 4
"""Of fewer nobody knows where the others are."""
INPUT, FIRST_STEP, STEP = DEFAULT.width, 11, 4
"""px: width of LPRNet's input, the middle of what its first step sees there, and the way to the next."""


def seen(image: Image, look: Look) -> Image:
    """*image*, uint8[H,W,3] BGR, cut as *look* says; what is added repeats the edge."""
    height, width = image.shape[:2]
    x, y = round(look.across * width), round(look.down * height)
    return _part(image, x, y, width - x, height - y)


def closer(image: Image, logits: Logits, blank: int) -> Image | None:
    """The part of *image*, uint8[H,W,3], that its text fills to `FILLED` of the width.

    None where there is nothing to see in it that the network has not seen: the text fills as much already,
    or the part has fewer pixels than the network's input. What is beside the image repeats its edge.

    Args:
        logits: float32[classes,steps] of *image*.
        blank: the class that is no character.
    """
    path = logits.argmax(axis=0)
    steps = np.flatnonzero(path != blank)
    labels = path[steps]
    # A character's steps follow each other and have its class.
    begins = np.flatnonzero((np.diff(steps, prepend=-2) > 1) | (np.diff(labels, prepend=-1) != 0))
    if len(begins) < FEWEST_CHARACTERS:
        return None
    first = (steps[0] + steps[begins[1] - 1]) / 2
    last = (steps[begins[-1]] + steps[-1]) / 2
    pitch = (last - first) / (len(begins) - 1)
    left, right = (float(FIRST_STEP + STEP * step) / INPUT for step in (first - pitch / 2, last + pitch / 2))
    height, width = image.shape[:2]
    share = (right - left) / FILLED
    if share > LARGEST_PART or share * width < INPUT:
        return None
    start, stop = (round(((left + right) / 2 + side * share / 2) * width) for side in (-1, 1))
    return _part(image, start, 0, stop, height)


def _part(image: Image, left: int, top: int, right: int, bottom: int) -> Image:
    """The rectangle of *image* with these edges, px; beyond the image its edge is repeated."""
    height, width = image.shape[:2]
    inner = image[max(top, 0) : bottom, max(left, 0) : right]
    beyond = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(beyond):
        return inner
    return np.asarray(cv2.copyMakeBorder(inner, *beyond, cv2.BORDER_REPLICATE), np.uint8)


def runners_up(logits: Logits, blank: int) -> list[tuple[int, ...]]:
    """The texts of a look if its least sure steps had the second likeliest class, some or all of them.

    A beam finds more, and takes many times as long.

    Args:
        logits: float32[classes,steps].
        blank: the class that is no character.
    """
    path = logits.argmax(axis=0)
    highest = np.partition(logits, -2, axis=0)[-2:]
    unsure = np.argsort(highest[1] - highest[0], kind="stable")[:UNSURE_STEPS]
    second = np.argsort(logits[:, unsure], axis=0, kind="stable")[-2]
    texts = []
    for chosen in product((False, True), repeat=len(unsure)):
        other = path.copy()
        other[unsure] = np.where(chosen, second, path[unsure])
        texts.append(merged(other.tolist(), blank))
    return texts[1:]


def agreed(
    looks: Sequence[Logits],
    texts: Iterable[tuple[int, ...]],
    alphabet: Sequence[str],
    blank: int,
    grammar: Grammar | None,
) -> tuple[Decoded, int]:
    """Of *texts* the one with the highest mean probability over all looks.

    Args:
        looks: logits float32[classes,steps] of each.
        texts: the classes of those that there may be; empty ones do not count.
        alphabet, blank: the classes' characters, and which of them is none.
        grammar: whose say the texts have to bear, as in `decode.with_grammar`.

    Returns:
        The text, each of its characters with its mean probability in the `CLEAREST` looks, and which of them
        is the clearest.
    """
    log_probabilities = [log_softmax(logits) for logits in looks]
    by_steps: dict[int, list[int]] = {}
    for i, one in enumerate(log_probabilities):
        by_steps.setdefault(one.shape[1], []).append(i)
    alike = [(np.stack([log_probabilities[i] for i in which]), which) for which in by_steps.values()]
    best: tuple[int, ...] = ()
    each, most = [0.0] * len(looks), -math.inf
    for labels in dict.fromkeys(text for text in texts if text):
        shown = [0.0] * len(looks)
        for stack, which in alike:
            for i, value in zip(which, log_probability_each(stack, labels, blank), strict=True):
                shown[i] = value
        score = float(np.logaddexp.reduce(shown))
        if grammar is not None:
            score += log_prior(labels, alphabet, grammar)
        if score > most:
            best, each, most = labels, shown, score
    if not best:
        return decoded((), (), alphabet), 0
    clearest = np.argsort(each, kind="stable")[-CLEAREST:]
    characters = np.mean([aligned(log_probabilities[i], best, blank) for i in clearest], axis=0)
    return decoded(best, characters.tolist(), alphabet), int(np.argmax(each))
