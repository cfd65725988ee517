"""When a frame was taken."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

_TIME_ERROR = 5
"""What adjtimex(2) answers where no time server has set the clock."""


@dataclass(frozen=True)
class Moment:
    """A point in time on two clocks.

    Attributes:
        monotonic: seconds, of the clock that nobody sets; all durations come from it.
        clock: date and time of day, with its offset from UTC; may jump.
        synchronized: whether the kernel says that a time server has set `clock`.
    """

    monotonic: float
    clock: datetime
    synchronized: bool

    def __post_init__(self) -> None:
        if self.clock.tzinfo is None:
            raise ValueError("the clock needs its offset from UTC")

    @classmethod
    def now(cls) -> Moment:
        """This one, in local time."""
        return cls(time.monotonic(), datetime.now().astimezone(), clock_is_synchronized())

    def at(self, monotonic: float) -> datetime:
        """What `clock` would have shown at *monotonic* had it been right as it is now.

        So the hour of a passage during which a time server sets the clock is right from its beginning, and
        the times of an event fit its duration.
        """
        return self.clock + timedelta(seconds=monotonic - self.monotonic)


def clock_is_synchronized() -> bool:
    """Whether the kernel says that a time server has set the clock; False where it does not tell."""
    try:
        # struct timex is 208 bytes at most; all zero it only asks.
        state = _libc().adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return False
    return 0 <= int(state) < _TIME_ERROR


@cache
def _libc() -> ctypes.CDLL:
    # Once: each time makes classes, which only the collector of cycles takes away.
    return ctypes.CDLL(None)
