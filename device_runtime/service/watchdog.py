"""Signs of life for systemd: while frames are handled, or a camera is away and known to be."""

from __future__ import annotations

import time
from collections.abc import Callable

from device_runtime.follow.event import Passage
from device_runtime.service.notify import Notifier
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.frame import Unreadable

STATUS_S = 10.0
"""How often `systemctl status` is told the news."""


class Watchdog(Sink):
    """Feeds the watchdog from the thread that reads, so that a loop that hangs starves it.

    It is fed if a frame was handled since it was fed last, or if the source says that its camera is lost:
    starting the service again would not bring that back. So it starves where the reader, a sink or a camera
    that is not known to be lost hangs.

    Args:
        notifier: to systemd.
        waits: whether no frames are to be expected now.
        quiet_s: how long a source may be without a frame before it counts as lost: the watchdog is made to
            wait longer than that.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        notifier: Notifier,
        waits: Callable[[], bool],
        *,
        quiet_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier, self._waits, self._clock = notifier, waits, clock
        self._handled = False
        self._frames = self._plates = self._events = 0
        self._told, self._frames_told = clock(), 0
        if notifier.watchdog_s is not None and notifier.watchdog_s < 2 * quiet_s:
            notifier.send(WATCHDOG_USEC=int(2e6 * quiet_s))

    def ready(self) -> None:
        """The service has started: all is loaded, and the source is open."""
        self._notifier.send(READY=1, STATUS="waits for the first frame")

    def add(self, result: Result) -> None:
        """As `Sink.add`."""
        self._handled = True
        self._frames += 1
        self._plates += len(result.plates)

    def miss(self, unreadable: Unreadable) -> None:
        """As `Sink.miss`."""
        self._handled = True

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`."""
        self._events += 1

    def tick(self) -> None:
        """As `Sink.tick`."""
        waits = self._waits()
        if self._handled or waits:
            self._handled = False
            self._notifier.send(WATCHDOG=1)
        now = self._clock()
        if now - self._told < STATUS_S:
            return
        rate = (self._frames - self._frames_told) / (now - self._told)
        state = "no camera to read now" if waits else f"{rate:.1f} frames a second"
        self._notifier.send(STATUS=f"{state}; {self._plates} plates, {self._events} events")
        self._told, self._frames_told = now, self._frames

    def close(self) -> None:
        """As `Sink.close`."""
        self._notifier.send(STOPPING=1, STATUS="ends")
