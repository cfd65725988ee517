"""Times of any number of frames, in memory that does not grow with them.

The first `EXACT` are kept as they are. What comes after makes a histogram of them all whose buckets grow by a
constant factor, so that a percentile is at most `RELATIVE_ERROR` off (Masson, Rim, Lee: DDSketch, VLDB 2019).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from device_runtime.timing import STAGES, Distribution, distribution, of_percentiles

EXACT = 8192
"""So many samples are kept: benchmarks are shorter."""

RELATIVE_ERROR = 0.01

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LEAST_MS, _MOST_MS = 1e-5, 1e8
"""10 ns, below which reports round to nothing, and a day."""
_PER_BUCKET = math.log(_GAMMA)
_BUCKETS = math.ceil(math.log(_MOST_MS / _LEAST_MS) / _PER_BUCKET) + 1


class Latencies:
    """Milliseconds, summed up as they come; 64 KiB at most.

    Attributes:
        n: how many.
    """

    __slots__ = ("_counts", "_max", "_min", "_samples", "n")

    def __init__(self) -> None:
        self.n = 0
        self._min, self._max = math.inf, 0.0
        self._samples = array("d")
        # Of the buckets, once there are more than `EXACT` samples; else empty.
        self._counts = array("Q")

    @property
    def exact(self) -> bool:
        """Whether all samples are kept."""
        return not self._counts

    def add(self, ms: float) -> None:
        """Count one."""
        self.n += 1
        if self._counts:
            self._min, self._max = min(self._min, ms), max(self._max, ms)
            self._counts[_bucket(ms)] += 1
            return
        self._samples.append(ms)
        if len(self._samples) > EXACT:
            self._pour()

    def merge(self, other: Latencies) -> None:
        """Count all of *other*, too."""
        for ms in other._samples:
            self.add(ms)
        if other._counts:
            if not self._counts:
                self._pour()
            self.n += other.n
            self._min, self._max = min(self._min, other._min), max(self._max, other._max)
            for i, count in enumerate(other._counts):
                self._counts[i] += count

    def distribution(self) -> Distribution:
        """What they are like; there must be at least one."""
        if not self._counts:
            return distribution(self._samples)
        seen = np.cumsum(np.asarray(self._counts, np.uint64))
        ranks = np.arange(101) / 100 * (self.n - 1)
        below = np.floor(ranks).astype(np.int64)
        values = [
            np.clip(_middle(np.searchsorted(seen, rank, side="right")), self._min, self._max)
            for rank in (below, np.minimum(below + 1, self.n - 1))
        ]
        whole = values[0] + (values[1] - values[0]) * (ranks - below)
        whole[0], whole[100] = self._min, self._max
        return of_percentiles(self.n, whole, RELATIVE_ERROR)

    def _pour(self) -> None:
        """From samples to buckets."""
        self._counts = array("Q", bytes(8 * _BUCKETS))
        for ms in self._samples:
            self._counts[_bucket(ms)] += 1
        if self._samples:
            self._min, self._max = min(self._samples), max(self._samples)
        self._samples = array("d")


class Stages:
    """Milliseconds of many frames, by stage."""

    __slots__ = ("_stages",)

    def __init__(self) -> None:
        self._stages: dict[str, Latencies] = {}

    def note(self, timings_ms: Mapping[str, float]) -> None:
        """Count some stages of a frame."""
        for stage, ms in timings_ms.items():
            if stage not in self._stages:
                self._stages[stage] = Latencies()
            self._stages[stage].add(ms)

    @property
    def frames(self) -> int:
        """Those of which the sum of the stages, `total`, is known."""
        return self._stages["total"].n if "total" in self._stages else 0

    def distributions(self) -> dict[str, Distribution]:
        """Latencies in the order of `STAGES`; those that no frame went through are left out."""
        return {stage: self._stages[stage].distribution() for stage in STAGES if stage in self._stages}


def _bucket(ms: float) -> int:
    """The one that holds *ms*: above `_LEAST_MS` · γ^(i-1), at most `_LEAST_MS` · γ^i; 0 has all below."""
    if ms <= _LEAST_MS:
        return 0
    return min(math.ceil(math.log(ms / _LEAST_MS) / _PER_BUCKET), _BUCKETS - 1)


def _middle(buckets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Milliseconds that are as far from one end of the bucket as from the other, in relative terms."""
    return np.where(buckets > 0, _LEAST_MS * _GAMMA**buckets * 2 / (_GAMMA + 1), 0.0)
