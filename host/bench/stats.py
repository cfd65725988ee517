"""Medians, spreads and ratios of interleaved timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Spread:
    """Quartiles."""

    p25: float
    p50: float
    p75: float


def spread(values: Sequence[float] | NDArray[np.float64]) -> Spread:
    """Quartiles of at least one value, interpolated linearly."""
    return Spread(*np.percentile(np.asarray(values, np.float64), (25, 50, 75)).tolist())


def paired_ratio(rounds: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> Spread:
    """Ratio to *reference*, round by round: median of a round over the reference's median in that round.

    What slows a whole round – another program, a lower clock – slows both and cancels out. Both have one
    entry per round.
    """
    medians, references = _medians(rounds), _medians(reference)
    return spread(medians / references)


def _medians(rounds: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.asarray([np.median(values) for values in rounds], np.float64)
