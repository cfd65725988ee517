"""Fitting the score: how sure both looks together are, and from which score on a plate is one.

The two looks' logits are weighed by logistic regression on candidates of which it is known whether they are
plates, so that a score is the share of plates among what has it. The threshold is the least one at which few
enough boxes are false.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.locator import Scoring
from lprnet.evaluation.locator import Outcome
from lprnet.evaluation.matching import match

Doubles = NDArray[np.float64]

RIDGE = 1e-3
"""Of the weights, so that candidates that can be told apart perfectly do not make them infinite."""
STEPS = 50
"""Of Newton's method, at most."""


def candidates(outcomes: Sequence[Outcome]) -> tuple[Doubles, NDArray[np.bool_]]:
    """Boxes that are plates or none for certain: float64[N,2], logits of both looks, and bool[N], which are.

    Boxes that overlap a label a little are left out.
    """
    logits, plates = [], []
    for outcome in outcomes:
        found = outcome.found
        scores = np.stack([found.find_scores, found.refine_scores], 1).astype(np.float64).clip(1e-7, 1 - 1e-7)
        met = match(outcome.photograph, found.corners)
        plate = np.isin(np.arange(len(found)), list(met.box_of.values()))
        certain = plate | met.false
        logits.append((np.log(scores) - np.log1p(-scores))[certain])
        plates.append(plate[certain])
    return np.concatenate(logits), np.concatenate(plates)


def fit_scoring(logits: Doubles, plates: NDArray[np.bool_]) -> Scoring:
    """The most likely `Scoring` for float64[N,2] *logits* of candidates of which bool[N] are *plates*."""
    inputs = np.column_stack([logits, np.ones(len(logits))])
    weights = np.zeros(3)
    ridge = RIDGE * len(plates) * np.diag([1.0, 1.0, 0.0])
    for _ in range(STEPS):
        scores = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (plates - scores) - ridge @ weights
        curve = (inputs * (scores * (1 - scores))[:, None]).T @ inputs + ridge + 1e-9 * np.eye(3)
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    find, refine, offset = (round(float(weight), 3) for weight in weights)
    return Scoring(find=find, refine=refine, offset=offset)


def scores_of(scoring: Scoring, logits: Doubles) -> Doubles:
    """float64[N,2] logits of both looks → float64[N]."""
    return np.array([scoring.score(*pair) for pair in logits.tolist()])


def least_threshold(scores: Doubles, plates: NDArray[np.bool_], false: float) -> float:
    """The least score, in steps of 0.01, from which on at most *false* candidates are no plates."""
    for threshold in np.arange(0.01, 1, 0.01):
        if np.count_nonzero(~plates & (scores >= threshold)) <= false:
            return round(float(threshold), 2)
    return 0.99
