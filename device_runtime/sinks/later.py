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

    An error of that sink is warned of once; when it works again, and at the end, how many events are missing.

    Args:
        sink: gets the events.
        name: to call it.
        closing_s: how long `close` may wait.
    """

    def __init__(self, sink: Sink, name: str, closing_s: Callable[[], float] = lambda: 10.0) -> None:
        self._sink, self._name, self._closing_s = sink, name, closing_s
        self._failed = 0
        self._waiting = Waiting(
            self._tell,
            name=name,
            most=MOST_WAITING,
            full=f"{name}: too slow; events are left out",
            last=self._end,
        )

    @property
    def left_out(self) -> int:
        """Events that did not wait."""
        return self._waiting.left_out

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`."""
        self._waiting.put(passage)

    def _tell(self, passage: Passage) -> None:
        try:
            self._sink.tell(passage)
        except FatalError as error:
            if not self._failed:
                log.warning("%s", error)
            self._failed += 1
        else:
            if self._failed:
                log.warning("%s: works again; events that are missing: %d", self._name, self._failed)
            self._failed = 0

    def _end(self) -> None:
        try:
            self._sink.close()
        except FatalError as error:
            log.warning("%s", error)
        if self._failed:
            log.warning("%s: events that are missing: %d", self._name, self._failed)

    def close(self) -> None:
        """As `Sink.close`."""
        self._waiting.finish(self._closing_s())
