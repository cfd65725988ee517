"""What the test of `host.emulate.inference` counts: additions, which the board's Python makes."""

from __future__ import annotations

from collections.abc import Callable


def load(number: str) -> Callable[[], object]:
    """The sum of the first *number* integers, to be computed."""
    return lambda: sum(range(int(number)))
