"""Memory that is free, given back to the system.

Several threads take and free pictures and messages of all sizes, all day. What the C library keeps of it for
later is full of holes, and grows by megabytes before it stays: other programs of a small board could use it.
So all threads take from one heap, not from one each, and what is free in it is given back now and then.
"""

from __future__ import annotations

import ctypes
import time

from device_runtime.sinks.sink import Sink

EVERY_S = 60.0
_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def one_heap() -> bool:
    """Have all threads that start from now on use one heap; False where the C library cannot, as musl's."""
    try:
        choose = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(choose(_ARENA_MAX, 1))


def trim() -> bool:
    """Give back what the C library holds and nobody uses; False where it cannot, as musl's."""
    try:
        release = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    return bool(release(0))


class Trim(Sink):
    """Calls `trim` once in a while, which takes less than a millisecond."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s, self._last = every_s, time.monotonic()

    def tick(self) -> None:
        """As `Sink.tick`."""
        if time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            trim()
