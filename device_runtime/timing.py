"""Stage times from a monotonic clock, and what is reported of them."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from device_runtime.schema import Tolerant

STAGES = (
    *("read", "locate", "rectify", "preprocess", "infer", "decode", "total"),
    *("follow", "sinks", "delay"),
)
"""What the time of a frame and all its plates is split into, in order, and its sum; then, where events are
made of frames, what those and handing over take, and how old the frame was when all was done."""


class StageClock:
    """Splits one piece of work into named stages.

    Usage: `clock = StageClock()`, work, `clock.lap("read")`, work, `clock.lap("infer")`, `clock.ms`.
    """

    __slots__ = ("_last", "ms")

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last = perf_counter_ns()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to *stage*, in milliseconds."""
        now = perf_counter_ns()
        self.ms[stage] = self.ms.get(stage, 0.0) + (now - self._last) / 1e6
        self._last = now


class Distribution(Tolerant, frozen=True, kw_only=True):
    """Latencies in milliseconds.

    Attributes:
        n: how many were summarized.
        percentiles_ms: the 0th to the 100th in steps of one.
        relative_error: how far those between the first and the last may be off, as a share of them.
    """

    n: int
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    percentiles_ms: tuple[float, ...]
    relative_error: float = 0.0


def distribution(samples_ms: Sequence[float]) -> Distribution:
    """Summarize at least one sample; percentiles interpolate linearly between samples."""
    values = np.percentile(np.asarray(samples_ms, np.float64), np.arange(101))
    return of_percentiles(len(samples_ms), values)


def of_percentiles(n: int, values: NDArray[np.float64], relative_error: float = 0.0) -> Distribution:
    """The summary of *n* samples with these percentiles, float64[101]."""
    rounded = values.round(5).tolist()
    return Distribution(
        n=n,
        min_ms=rounded[0],
        p50_ms=rounded[50],
        p90_ms=rounded[90],
        p99_ms=rounded[99],
        max_ms=rounded[100],
        percentiles_ms=tuple(rounded),
        relative_error=relative_error,
    )
