"""Asking a run to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

END_S = 2.0
"""How long a run may take to end when it is asked to, which a service manager waits for."""

_HANDLING = 0.75
"""Share of it for what may wait for others; the rest is for the program's own end."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """Asks a run to end; one that a signal may set.

    Attributes:
        asked: to end after this frame.
        signal: the one that asked; None before, and where it was not a signal.
    """

    def __init__(self) -> None:
        self.asked = False
        self.signal: int | None = None
        self._at = 0.0

    def __call__(self, number: int | None = None) -> None:
        """End after this frame."""
        self.asked, self.signal, self._at = True, number, monotonic()

    def left_s(self, otherwise: float, share: float = 1.0) -> float:
        """*share* of the seconds that are left for ending, where that was asked for, else *otherwise*."""
        return max(share * (self._at + _HANDLING * END_S - monotonic()), 0.1) if self.asked else otherwise

    @contextmanager
    def on_signals(self) -> Iterator[Stop]:
        """While in the block, SIGTERM, Ctrl-C and a terminal that goes end the run in order.

        A second one ends it at once. What whoever started the program has ignored stays ignored.
        """

        def ask(number: int, frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self(number)

        try:
            heard = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
            before = {n: signal.signal(n, ask) for n in heard}
        except ValueError:
            # Not the main thread: whoever started it ends it.
            before = {}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
