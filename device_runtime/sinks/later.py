"""Sinks that may take their time: files are synced, and disks are slow."""

from __future__ import annotations

import logging
from collections.abc import Callable

from device_runtime.errors import FatalError
from device_runtime.follow.event import Passage
from device_runtime.sinks.sink import Sink
from device_runtime.sinks.waiting import Waiting

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
        self._sink, self._closing_s, self._failed = sink, closing_s, False
        name = type(sink).__name__
        self._waiting = Waiting(
            self._tell,
            name=name,
            most=MOST_WAITING,
            full=f"{name}: too slow; events are left out",
            last=lambda: self._try(sink.close),
        )

    @property
    def left_out(self) -> int:
        """Events that did not wait."""
        return self._waiting.left_out

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`."""
        self._waiting.put(passage)

    def _tell(self, passage: Passage) -> None:
        self._try(lambda: self._sink.tell(passage))

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
        self._waiting.finish(self._closing_s())
