"""How sure a ratio of latencies is, and a difference in accuracy.

Reports keep percentiles instead of samples. The i-th smallest of n draws from a distribution with quantile
function Q is Q(U), U ~ Beta(i, n + 1 - i), so that a resample's quantile is one draw instead of n (David and
Nagaraja: Order Statistics, 3rd ed., §2.3); that is a smoothed bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_runtime.timing import Distribution

DRAWS = 4000
CONFIDENCE = 0.95
_GRID = np.arange(101) / 100


@dataclass(frozen=True)
class Ratio:
    """A ratio b / a with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Of the interval, as a share of no change."""
        return (self.high - self.low) / 2

    @property
    def is_change(self) -> bool:
        """Whether the interval excludes that both are the same."""
        return not self.low <= 1 <= self.high


def quantile(found: Distribution, p: float) -> float:
    """The *p*-quantile, 0 to 1, interpolated linearly between percentiles."""
    return float(np.interp(p, _GRID, found.percentiles_ms))


def resampled(found: Distribution, p: float, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """The *p*-quantile of *count* resamples of as many samples as there were, float64[count]."""
    rank = p * (found.n - 1) + 1
    return np.interp(rng.beta(rank, found.n + 1 - rank, count), _GRID, found.percentiles_ms)


def paired_ratio(a: Sequence[Distribution], b: Sequence[Distribution], p: float) -> Ratio:
    """Ratio of the *p*-quantiles of runs that were made in turns: the median of the rounds' ratios.

    What slows a round down slows both. Rounds are resampled, and the samples in them.

    Args:
        a, b: of each round; as many of one as of the other.
    """
    rng = np.random.default_rng(1)
    rounds = np.array([quantile(y, p) / quantile(x, p) for x, y in zip(a, b, strict=True)])
    drawn = np.stack(
        [resampled(y, p, rng, DRAWS) / resampled(x, p, rng, DRAWS) for x, y in zip(a, b, strict=True)]
    )
    chosen = rng.integers(0, len(rounds), drawn.shape)
    return _ratio(float(np.median(rounds)), np.median(np.take_along_axis(drawn, chosen, 0), axis=0))


def independent_ratio(a: Sequence[Distribution], b: Sequence[Distribution], p: float) -> Ratio:
    """Ratio of the *p*-quantiles of runs that have nothing to do with each other: of their runs' medians."""
    rng = np.random.default_rng(1)
    value = np.median([quantile(y, p) for y in b]) / np.median([quantile(x, p) for x in a])
    return _ratio(float(value), _medians(b, p, rng) / _medians(a, p, rng))


def values_ratio(a: Sequence[float], b: Sequence[float], *, paired: bool) -> Ratio:
    """Ratio of numbers that each run has one of, as `paired_ratio` or `independent_ratio`."""
    rng = np.random.default_rng(1)
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if paired:
        ratios = y / x
        chosen = rng.integers(0, len(ratios), (len(ratios), DRAWS))
        return _ratio(float(np.median(ratios)), np.median(ratios[chosen], axis=0))
    ours, theirs = (
        np.median(side[rng.integers(0, len(side), (len(side), DRAWS))], axis=0) for side in (x, y)
    )
    return _ratio(float(np.median(y) / np.median(x)), theirs / ours)


def _medians(runs: Sequence[Distribution], p: float, rng: np.random.Generator) -> NDArray[np.float64]:
    drawn = np.stack([resampled(run, p, rng, DRAWS) for run in runs])
    chosen = rng.integers(0, len(runs), drawn.shape)
    return np.median(np.take_along_axis(drawn, chosen, 0), axis=0)


def _ratio(value: float, draws: NDArray[np.float64]) -> Ratio:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, (tail, 1 - tail)).tolist()
    return Ratio(value, low, high)


def needed(n: int, half_width: float, resolution: float) -> int:
    """How many samples instead of *n* make an interval as narrow as *resolution*: it goes with 1/√n."""
    return math.ceil(n * (half_width / resolution) ** 2)


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided p of McNemar's exact test: that so many plates are right on one side alone by chance.

    Each is as likely on one side as on the other, so that one of the counts is binomial (Fagerland, Lydersen,
    Laake: The McNemar test for binary matched-pairs data, 2013, §2).
    """
    n = only_a + only_b
    ways = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    # As whole numbers: 2^n overflows a float.
    return min(1.0, 2 * ways / 2**n) if n else 1.0


def least_discordant() -> int:
    """Plates that must be right on one side alone before McNemar's test can tell anything."""
    return next(n for n in range(1, 100) if mcnemar(0, n) < 1 - CONFIDENCE)
