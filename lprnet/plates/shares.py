"""Draws in proportion to shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Shares:
    """How often each of some items is drawn; `cumulated` float64[N] are the shares up to each, the last 1."""

    cumulated: NDArray[np.float64]

    @classmethod
    def evened(cls, names: Sequence[str], evenness: float) -> Shares:
        """Of items called *names*: 0 takes all items alike, 1 gives every name as much."""
        counts = Counter(names)
        weights = np.array([counts[name] ** -evenness for name in names])
        return cls(np.cumsum(weights / weights.sum() * (1 + 1e-12)))

    def draw(self, rng: Generator) -> int:
        """Index of an item."""
        return int(self.cumulated.searchsorted(rng.random(), side="right"))
