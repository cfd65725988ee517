"""Sinks that may take their time: files are synced, and disks are slow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Queue

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.sinks.sink import Sink

log = logging.getLogger(__name__)

MOST_WAITING = 16
"""Events that may wait, with their pictures; more are left out and counted."""


class Later(Sink):
    """Hands events to another sink in a thread of its own; frames are not handed on.

    An error of that sink is warned of once, and once more when it works again.

    Args:
        sink: gets the events.
        closing_s: how long `close` may wait.
    """

    def __init__(self, sink: Sink, closing_s: Callable[[], float] = lambda: 10.0) -> None:
        self._sink, self._closing_s = sink, closing_s
        self._waiting: Queue[Passage | None] = Queue()
        self.left_out = 0
        self._failed = False
        self._thread = threading.Thread(target=self._work, name=type(sink).__name__, daemon=True)
        self._thread.start()

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`."""
        if self._waiting.qsize() >= MOST_WAITING:
            self.left_out += 1
            if self.left_out == 1:
                log.warning("%s: too slow; events are left out", type(self._sink).__name__)
            return
        self._waiting.put(passage)

    def _work(self) -> None:
        while (passage := self._waiting.get()) is not None:
            self._try(lambda passage=passage: self._sink.tell(passage))  # type: ignore[misc]
        self._try(self._sink.close)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except FatalError as error:
            if not self._failed:
                log.warning("%s", error)
            self._failed = True
        else:
            if self._failed:
                log.info("%s: works again", type(self._sink).__name__)
            self._failed = False

    def close(self) -> None:
        """As `Sink.close`."""
        self._waiting.put(None)
        self._thread.join(self._closing_s())
