"""What a way to the host can do, and how long to wait where it fails."""

from __future__ import annotations

import random
from typing import Protocol

from device_runtime.delivery.spool import Spool

IDLE_S = 30.0
"""A channel with nothing to send is asked again after so long, or when there is an item."""


class Unreachable(Exception):
    """The host cannot be reached or does not take items now; trying again later may help.

    Attributes:
        after_s: the host asks not to be tried before so long.
    """

    def __init__(self, why: str, after_s: float = 0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Channel(Protocol):
    """A way to the host.

    Attributes:
        longest_wait_s: between attempts, however often they fail.
    """

    longest_wait_s: float

    def step(self, spool: Spool) -> float:
        """Send some items of *spool*, and tell it which ones the host has.

        Returns:
            seconds until it need be called again, unless there are new items before.

        Raises:
            Unreachable: it did not work; call it again later.
        """

    def abort(self) -> None:
        """Make a `step` that waits in another thread fail at once."""

    def close(self) -> None:
        """Let go of what it holds. It may be used again."""


class Backoff:
    """Waiting times that double from attempt to attempt.

    Each is drawn between half of its length and all of it, so that boards that failed together do not come
    back together.

    Args:
        longest_s: none is longer.
        first_s: the first one.
        draw: a number from 0 to below 1.
    """

    def __init__(self, longest_s: float, first_s: float = 1.0, draw: random.Random | None = None) -> None:
        self.longest_s, self.first_s = longest_s, first_s
        self._random = draw or random.Random()
        self.failures = 0

    def next(self) -> float:
        """How long to wait after another failure, in seconds."""
        # 2^64 seconds are as good as any.
        whole = min(self.first_s * 2 ** min(self.failures, 64), self.longest_s)
        self.failures += 1
        return whole * (0.5 + 0.5 * self._random.random())

    def reset(self) -> None:
        """It worked."""
        self.failures = 0
