"""How sure a reading is: the share of readings like it that are right.

A network's own probabilities are too sure of what it has seen little of: tiny plates, and what is no plate at
all. A logistic of a few things that are known about a reading says it better (Platt, 1999); its weights are
fitted by `lprnet calibrate`, and a bundle's manifest has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.read.decode import Decoded

FULL_WIDTH = 94.0
"""px: wider plates have no more to read on than this."""
NARROW = 64.0
"""px: characters of narrower plates run into each other, and a network is surer of them than it may be."""
LEAST_WIDTH = 8.0
FEWEST = 2
"""Characters of a plate: a single one is what a lamp or a pole may look like, and no country's plate."""
_LEAST = 1e-6
Features = tuple[float, float, float, float, float]
"""Of one reading; see `features`."""


def features(decoded: Decoded, logits: NDArray[np.float32], fits_grammar: bool, width: float) -> Features:
    """What a confidence is made of, in the order of `ConfidenceInfo`'s weights.

    Log odds of the product of the characters' probabilities; smallest difference, over the steps, of the
    largest logit and the next, a nearly chosen character where blanks were taken among them; whether the text
    fits a plate grammar; log of the plate's width, 0 from `FULL_WIDTH` on; octaves that the width is below
    `NARROW`, as a negative number, 0 from there on.

    Args:
        decoded: the text.
        logits: float32[classes,steps] it was decoded from.
        fits_grammar: whether a plate may read so.
        width: of the plate where it was photographed, px.
    """
    product = min(max(math.prod(decoded.character_confidences), _LEAST), 1 - _LEAST)
    second, first = np.partition(logits, -2, axis=0)[-2:]
    width = max(width, LEAST_WIDTH)
    return (
        math.log(product / (1 - product)),
        float(np.minimum.reduce(first - second)),
        float(fits_grammar),
        math.log(min(width, FULL_WIDTH) / FULL_WIDTH),
        min(math.log2(width / NARROW), 0.0),
    )


def confidence(info: ConfidenceInfo, values: Sequence[float]) -> float:
    """Probability, 0 to 1, that a reading with these `features` is right.

    Few pixels look different from each camera, and what they hide (0 and D, 8 and B) is read with a certainty
    that was learnt from others. So what speaks for a narrow plate counts less, by `ConfidenceInfo.doubt`, and
    tiny plates are rather unsure than wrong with confidence; what speaks against one counts in full.
    """
    odds = info.offset + sum(w * v for w, v in zip(info.weights, values, strict=True))
    if odds > 0:
        odds /= 1 - info.doubt * values[-1]
    return 1 / (1 + math.exp(-min(max(odds, -40.0), 40.0)))
