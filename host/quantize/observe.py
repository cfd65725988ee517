"""Observers: which part of an activation's range the levels 0…255 of uint8 cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from device_runtime.errors import FatalError

BINS = 8192
LEVELS = 255

Observer = Callable[["Histogram"], float]
"""Chooses the largest value that is represented; larger ones are clipped."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often values in `BINS` equal parts of 0…`maximum` occurred."""

    maximum: float
    counts: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.float64]:
        return (np.arange(BINS, dtype=np.float64) + 0.5) * (self.maximum / BINS)


def histogram(values: Tensor, maximum: float) -> Histogram:
    """Histogram of non-negative values up to *maximum*."""
    return Histogram(maximum, torch.histc(values, BINS, 0, maximum).double().numpy())


def min_max(histogram: Histogram) -> float:
    """All values are represented."""
    return histogram.maximum


def percentile(fraction: float) -> Observer:
    """*fraction* of the values are represented."""

    def observe(histogram: Histogram) -> float:
        share = np.cumsum(histogram.counts) / histogram.counts.sum()
        last = int(np.searchsorted(share, fraction))
        return (min(last, BINS - 1) + 1) * histogram.maximum / BINS

    return observe


def mean_square_error(histogram: Histogram) -> float:
    """The mean of (value − represented value)² is least."""
    x, counts = histogram.centres, histogram.counts

    def error(limit: float) -> float:
        scale = limit / LEVELS
        represented = np.clip(np.rint(x / scale), 0, LEVELS) * scale
        return float(((x - represented) ** 2 * counts).sum())

    return min(_limits(histogram), key=error)


def entropy(histogram: Histogram) -> float:
    """The Kullback-Leibler divergence of the represented values' distribution is least.

    After "8-bit inference with TensorRT" (Migacz, GTC 2017): clipped values count at the limit, and
    each level's count is spread over the bins that it covers and that are not empty. The bin of zeros,
    which every scale represents exactly, is left out.
    """
    counts = histogram.counts.copy()
    counts[0] = 0

    def divergence(limit: float) -> float:
        used = round(limit / histogram.maximum * BINS)
        p = counts[:used].copy()
        p[-1] += counts[used:].sum()
        filled = counts[:used] > 0
        level = np.minimum(np.arange(used) * (LEVELS + 1) // used, LEVELS)
        mass = np.bincount(level, counts[:used], LEVELS + 1)
        bins = np.bincount(level, filled, LEVELS + 1)
        q = np.where(filled, (mass / np.maximum(bins, 1))[level], 0)
        p, q = p / p.sum(), q / q.sum()
        # What is clipped to an empty last bin has no counterpart in q.
        return float((p[p > 0] * np.log(p[p > 0] / np.maximum(q[p > 0], 1e-9))).sum())

    return min(_limits(histogram), key=divergence)


def _limits(histogram: Histogram) -> NDArray[np.float64]:
    """Candidates a few percent apart, largest first, so that the widest wins a tie."""
    bins = np.geomspace(BINS, LEVELS + 1, 96).round()
    return bins * histogram.maximum / BINS


OBSERVERS: dict[str, Observer] = {
    "min-max": min_max,
    "percentile": percentile(0.99999),
    "mse": mean_square_error,
    "entropy": entropy,
}


def observer_of(name: str) -> Observer:
    """An observer by its name.

    Raises:
        FatalError: there is none of that name.
    """
    if name not in OBSERVERS:
        raise FatalError(f"observer {name}", "is not known", f"use {', '.join(OBSERVERS)}")
    return OBSERVERS[name]
