"""Boards that send passages: a real spool and a real HTTP client each, in a thread.

Only what comes before the spool is simulated: the camera, the reader, and the two threads that write and sync
for a pipeline which may not wait.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

from device_runtime.delivery.channel import Backoff, Channel, Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.item import Item, encode, new_id
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.follow.event import Direction, Event, OtherText

MOST_BACKOFF_S = 2.0
"""Boards wait up to a minute; a test is shorter than that."""

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def passage(draw: random.Random) -> Event:
    """An event as of a car that went by just now."""
    text = "粤B" + "".join(draw.choice(_LETTERS) for _ in range(5))
    now = datetime.now(timezone.utc)
    return Event(
        id=new_id(),
        complete=True,
        text=text,
        confidence=0.98,
        character_confidences=(0.99,) * 7,
        alternatives=(OtherText(text[:-1] + "0", 0.02),),
        listed=None,
        readings=14,
        first_seen=now - timedelta(seconds=2),
        last_seen=now,
        duration_s=2.0,
        clock_synchronized=True,
        direction=Direction(depth="towards", across="left"),
        source="rtsp://camera/1#1234",
        corners=((712.1, 401.9), (838.4, 404.2), (837.9, 441.7), (711.8, 438.8)),
        width=126.4,
    )


class Board:
    """One board.

    Args:
        name: its own.
        addresses: of collectors; where one fails it turns to the next, as a load balancer would make it do.
        token: that all of them know.
        folder: of its spool.
        rate: passages a second.
        seconds: for how long cars go by; then it goes on until everything is acknowledged.
        patience_s: and no longer than that.
        channel: the way to a collector.

    Attributes:
        put: ids of items in its spool, in order.
        taken: items of each request that acknowledged any, and its seconds from sending to acknowledgement.
        failures: requests that failed.
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[HttpDestination],
        token: str,
        folder: Path,
        *,
        rate: float,
        seconds: float,
        patience_s: float = 60.0,
        channel: Callable[[HttpDestination, str], Channel] = HttpChannel,
    ) -> None:
        self.name, self.put = name, list[str]()
        self.taken: list[tuple[int, float]] = []
        self.failures = 0
        self._random = random.Random(name)
        self._spool = Spool(folder)
        self._channels = [channel(address, token) for address in addresses]
        self._period_s, self._seconds, self._patience_s = 1 / rate, seconds, patience_s
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def acknowledged(self) -> set[str]:
        """Ids of items that a collector has acknowledged."""
        left = self._spool.after(0, len(self.put) + 1, 1 << 40)
        return set(self.put) - {entry.id for entry in left}

    def _run(self) -> None:
        began = time.monotonic()
        # Boards do not move in step.
        due = began + self._random.random() * self._period_s
        end, last = began + self._seconds, began + self._seconds + self._patience_s
        backoff, channel = Backoff(MOST_BACKOFF_S, 0.2), 0
        while True:
            now = time.monotonic()
            new = 0
            while due < min(now, end):
                self._append()
                due += self._period_s
                new += 1
            if new:
                self._spool.sync()
            if self._spool.empty:
                if due >= end:
                    break
                time.sleep(max(due - now, 0))
                continue
            if now > last:
                break
            before, began = self._spool.counts.acknowledged, time.monotonic()
            try:
                self._channels[channel].step(self._spool)
            except Unreachable as error:
                self.failures += 1
                channel = (channel + 1) % len(self._channels)
                time.sleep(max(backoff.next(), error.after_s))
                continue
            backoff.reset()
            if taken := self._spool.counts.acknowledged - before:
                self.taken.append((taken, time.monotonic() - began))
            if self._spool.empty:
                # As `Delivery` does: with nothing left to send it may let go of the connection.
                self._channels[channel].step(self._spool)
        for one in self._channels:
            one.close()

    def _append(self) -> None:
        item = Item(
            id=new_id(),
            spool=self._spool.identity,
            sequence=self._spool.last_sequence + 1,
            kind="event",
            time=datetime.now(timezone.utc),
            body=msgspec.to_builtins(passage(self._random)),
        )
        self._spool.append(Entry(item.sequence, item.id, item.kind, encode(item)))
        self.put.append(item.id)
