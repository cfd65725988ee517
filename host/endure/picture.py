"""Pictures that say when they were taken: a number in black and white columns, the same for every server.

number = frames since *t0*, of the monotonic clock that all processes here share
"""

from __future__ import annotations

import time

WIDTH, HEIGHT = 640, 480
BITS = 16
FPS = 30
COLUMN = WIDTH // BITS
"""px of a bit."""


def row(number: int) -> bytes:
    """Brightness of one row of the picture *number*, WIDTH bytes."""
    return b"".join(b"\xeb" * COLUMN if number >> bit & 1 else b"\x10" * COLUMN for bit in range(BITS))


def number_in(columns: list[float]) -> int:
    """The number in a picture whose columns are so bright on average, 0 to 255, BITS of them."""
    return sum(1 << bit for bit, bright in enumerate(columns) if bright > 127)


def wait_for_next(t0: float) -> int:
    """Sleep until the next frame is due; returns its number."""
    number = int((time.monotonic() - t0) * FPS) + 1
    time.sleep(max(t0 + number / FPS - time.monotonic(), 0))
    return number % (1 << BITS)


def age_of(number: int, t0: float) -> float:
    """Seconds since the picture *number* was taken, the last one of that number."""
    return (time.monotonic() - t0 - number / FPS) % ((1 << BITS) / FPS)
