"""How fast somebody may go: a bucket of tokens for each, filled at a steady rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_KNOWN = 200_000
"""Of those who came lately; who came longest ago is forgotten, and begins with a full bucket."""


class Rates:
    """Buckets by name. To be used by one thread.

    Args:
        rate: tokens a second that come back.
        burst: tokens that a full bucket holds.
        now: seconds, of a clock that never goes back.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self._now = rate, burst, now
        # Tokens, and when they were counted, by name; who came last stands last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, tokens: float = 1.0) -> float:
        """Take *tokens* of *name*'s bucket, if one is in it; more may be owed.

        So a batch larger than the bucket passes, and is paid for afterwards.

        Returns:
            0 if they were taken, else the seconds after which it is worth trying again.
        """
        wait_s = self.wait_s(name)
        if not wait_s:
            self._put(name, self._left(name) - tokens)
        return wait_s

    def wait_s(self, name: str) -> float:
        """What `take` would answer, without taking anything."""
        short = 1 - self._left(name)
        # What is rounded away is no reason to wait.
        return short / self.rate if short > 1e-9 else 0.0

    def _left(self, name: str) -> float:
        now = self._now()
        tokens, at = self._buckets.get(name, (self.burst, now))
        return min(tokens + (now - at) * self.rate, self.burst)

    def _put(self, name: str, tokens: float) -> None:
        self._buckets[name] = (tokens, self._now())
        self._buckets.move_to_end(name)
        if len(self._buckets) > _MOST_KNOWN:
            self._buckets.popitem(last=False)
