"""What waits for something slower than the reader: a bounded queue and the thread that works it off."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Queue
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Waiting(Generic[T]):
    """Hands what it is given to *handle*, one after another, in a thread of its own.

    Args:
        handle: may take its time; must not raise.
        name: of the thread.
        most: so many may wait; more are left out and counted.
        full: what is warned of once when the first one is left out.
        last: is called by the thread at the end, after all that waited.
    """

    def __init__(
        self,
        handle: Callable[[T], None],
        *,
        name: str,
        most: int,
        full: str,
        last: Callable[[], None] = lambda: None,
    ) -> None:
        self._handle, self._last, self._most, self._full = handle, last, most, full
        self._queue: Queue[T | None] = Queue()
        self._given_up = False
        self.left_out = 0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Let *item* wait, or leave it out; never waits itself."""
        if self._queue.qsize() >= self._most:
            self.left_out += 1
            if self.left_out == 1:
                log.warning("%s", self._full)
            return
        self._queue.put(item)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._given_up:
                return
            self._handle(item)
        self._last()

    def finish(self, timeout_s: float) -> bool:
        """Take no more, and wait until all is worked off; whether it is within *timeout_s* seconds."""
        self._queue.put(None)
        self._thread.join(max(timeout_s, 0))
        return not self._thread.is_alive()

    def give_up(self) -> int:
        """After `finish`: begin nothing more. Returns how many still wait."""
        self._given_up = True
        return max(self._queue.qsize() - 1, 0)

    def join(self, timeout_s: float) -> None:
        """Wait for what is under way."""
        self._thread.join(timeout_s)
