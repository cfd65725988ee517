"""Group commit: what arrives within a few milliseconds becomes one transaction.

    submit ──▶ ┌ waiting, bounded ┐ ──▶ one thread: gather · insert · commit ──▶ futures are done
               └──────────────────┘
    full: Busy

A disk syncs a hundred times a second or a thousand times; the more wait for it, the more it takes at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from device_runtime.errors import FatalError
from host.store.database import Database
from host.store.faults import Busy, Unavailable
from host.store.insert import Submission, insert
from host.store.moments import now
from host.store.received import Received
from host.store.values import Accepted

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """How much is stored together, and how much may wait.

    Attributes:
        gather_s: how long the first waits for more.
        items: of one transaction; one submission is never split.
        waiting, waiting_bytes: more is turned away.
    """

    gather_s: float = 0.003
    items: int = 2000
    waiting: int = 20_000
    waiting_bytes: int = 64 << 20


@dataclass(kw_only=True)
class Tally:
    """As the attributes of `values.Counts`."""

    stored: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    groups: int = 0
    failed: int = 0
    busy: int = 0


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    submission: Submission
    future: Future[Accepted]
    bytes: int


class Writer:
    """The thread that stores; it starts with the first submission."""

    def __init__(self, database: Database, grouping: Grouping) -> None:
        self._database, self._grouping = database, grouping
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._items = self._bytes = 0
        self._closing = False
        self._thread: threading.Thread | None = None
        self.tally = Tally()

    def submit(self, board: str, items: Sequence[Received]) -> Future[Accepted]:
        """Queue *items* of *board*; never waits.

        Raises:
            Busy: too much is waiting.
            Unavailable: `close` was called.
        """
        future: Future[Accepted] = Future()
        size = sum(len(one.raw) + len(one.crop or b"") for one in items)
        with self._changed:
            if self._closing:
                raise Unavailable(self._database.name, "is being closed", "try again later")
            full = self._items + len(items) > self._grouping.waiting
            if self._queue and (full or self._bytes + size > self._grouping.waiting_bytes):
                self.tally.busy += len(items)
                why = f"{self._items} items are waiting to be stored"
                raise Busy(self._database.name, why, "try again in a second", 1.0)
            submission = Submission(board=board, items=tuple(items))
            self._queue.append(_Waiting(submission=submission, future=future, bytes=size))
            self._items, self._bytes = self._items + len(items), self._bytes + size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="store", daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    @property
    def waiting(self) -> tuple[int, int]:
        """Items that wait, and their bytes."""
        return self._items, self._bytes

    def close(self) -> None:
        """Store what waits, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (group := self._gathered()) is not None:
            if group:
                self._store(group)

    def _gathered(self) -> list[_Waiting] | None:
        """What is stored together; None at the end."""
        with self._changed:
            while not self._queue:
                if self._closing:
                    return None
                self._changed.wait()
            end = time.monotonic() + self._grouping.gather_s
            while self._items < self._grouping.items and not self._closing:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            group: list[_Waiting] = []
            count = 0
            while self._queue and (not group or count < self._grouping.items):
                one = self._queue.popleft()
                self._items, self._bytes = self._items - len(one.submission.items), self._bytes - one.bytes
                # Whoever handed it over may have gone away, and then nobody is told that it is stored.
                if one.future.set_running_or_notify_cancel():
                    group.append(one)
                    count += len(one.submission.items)
            return group

    def _store(self, group: Sequence[_Waiting]) -> None:
        try:
            with self._database.writing() as connection:
                accepted = insert(connection, [one.submission for one in group], now())
        except FatalError as error:
            self._failed(group, error)
        except Exception as error:  # Whoever waits for it must be told, whatever it is.
            if len(group) == 1:
                LOG.warning("%s: %s", self._database.name, error)
                self._failed(group, error)
                return
            # One of them is at fault; the others are none the worse for it.
            for one in group:
                self._store([one])
        else:
            self.tally.groups += 1
            for one, outcome in zip(group, accepted, strict=True):
                stored = set(outcome.stored)
                for item in one.submission.items:
                    (self.tally.stored if str(item.id) in stored else self.tally.known)[item.kind] += 1
                one.future.set_result(outcome)

    def _failed(self, group: Sequence[_Waiting], error: Exception) -> None:
        for one in group:
            self.tally.failed += len(one.submission.items)
            one.future.set_exception(error)
