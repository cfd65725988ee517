"""Delivers items without ever making the pipeline wait.

    put ──▶ queue ──▶ write ──▶ spool on disk ──▶ send ──▶ host
                        └─▶ sync ─┘     ◀── acknowledged ──┘

Three threads, because each may wait for something else: `write` for the kernel, `sync` for the disk, `send`
for the host. So an item is safe from `kill -9` as soon as possible, whatever the disk and the host do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import msgspec

from device_runtime.delivery.append import FileChannel
from device_runtime.delivery.channel import Backoff, Channel, Unreachable
from device_runtime.delivery.destination import (
    Destination,
    FileDestination,
    HttpDestination,
    MqttDestination,
    WebhookDestination,
)
from device_runtime.delivery.item import KINDS, MAX_ITEM_BYTES, Item, encode, new_id
from device_runtime.delivery.spool import MAX_BYTES, Counts, Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.secret import read_token

log = logging.getLogger(__name__)

FLUSH_S = 2.0
"""How long `Delivery.close` takes at most, which a service manager waits for."""

_QUEUE_ITEMS = 1000
"""Items that may wait to be written: the disk takes thousands a second, or the spool's memory does."""

_RETRY_S = 5.0
"""What could not be written or synced is tried again after so long."""


def open_channel(destination: Destination) -> Channel:
    """The way to *destination*; nothing is opened or connected yet.

    Raises:
        FatalError: the token's file cannot be read.
    """
    if isinstance(destination, FileDestination):
        return FileChannel(destination.path)
    # Loaded where they are used: together they take a tenth of the time to the first plate.
    if isinstance(destination, WebhookDestination):
        from device_runtime.delivery.webhook import WebhookChannel

        return WebhookChannel(destination.address)
    if isinstance(destination, MqttDestination):
        from device_runtime.delivery.mqtt import MqttChannel

        return MqttChannel(destination)
    if isinstance(destination, HttpDestination):
        from device_runtime.delivery.post import HttpChannel

        return HttpChannel(destination, read_token())
    from device_runtime.delivery.serial_line import SerialChannel

    return SerialChannel(destination)


class Delivery:
    """Takes items from a pipeline, keeps them, and sends them until the host has them.

    Args:
        destination: where to.
        folder: of the spool.
        max_bytes: its bound.
        channel: the way to the destination.

    Raises:
        FatalError: the spool cannot be used, or the token's file not be read.
    """

    def __init__(
        self,
        destination: Destination,
        folder: Path,
        *,
        max_bytes: int = MAX_BYTES,
        channel: Channel | None = None,
    ) -> None:
        self.destination = destination
        self._channel = channel or open_channel(destination)
        self._spool = Spool(folder, max_bytes)
        self._sequence = self._spool.last_sequence
        self._put_lock = threading.Lock()
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._overrun = dict.fromkeys(KINDS, 0)
        self._too_long = self._taken = self._appended = 0
        self._closed = False
        # Once the spool is closed and cannot be asked any more.
        self._drained: bool | None = None
        self._reachable = True
        self._unsynced, self._new = threading.Event(), threading.Event()
        # Set one after another: nothing more is written; nothing more is to be sent.
        self._written, self._stop = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"delivery-{target.__name__[1:]}", daemon=True)
            for target in (self._write, self._sync, self._send)
        ]
        self._unsynced.set()
        for thread in self._threads:
            thread.start()

    def put(self, kind: str, body: msgspec.Struct | Mapping[str, Any]) -> str | None:
        """Hand over an item; never waits for disk or host.

        Args:
            kind: one of `KINDS`.
            body: anything that msgspec writes as a JSON object.

        Returns:
            the item's id, or None if it was dropped, which is counted: too many are waiting, it is too long,
            or `close` was called.

        Raises:
            ValueError: there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(kind)
        content = msgspec.to_builtins(body, str_keys=True)
        identity, now = new_id(), datetime.now(timezone.utc)
        with self._put_lock:
            item = Item(
                id=identity,
                spool=self._spool.identity,
                sequence=self._sequence + 1,
                kind=kind,
                time=now,
                body=content,
            )
            data = encode(item)
            if len(data) > MAX_ITEM_BYTES:
                self._too_long += 1
                log.warning("an item of %d bytes is too long and dropped (%s)", len(data), kind)
                return None
            self._sequence += 1
            if self._closed or self._queue.qsize() >= _QUEUE_ITEMS:
                # Its number is not given again: the host sees that one is missing.
                self._overrun[kind] += 1
                return None
            self._taken += 1
            self._queue.put(Entry(item.sequence, identity, kind, data))
        return identity

    def counts(self) -> Counts:
        """What became of the items since the start."""
        counts = self._spool.counts
        dropped = {kind: n + self._overrun[kind] for kind, n in counts.dropped.items()}
        return replace(counts, dropped=dropped, refused=counts.refused + self._too_long)

    def drained(self) -> bool:
        """Whether the host has all that was put, now or before a restart, and not dropped."""
        if self._drained is not None:
            return self._drained
        return self._appended == self._taken and self._spool.empty

    def unwritten(self) -> int:
        """How many items are in memory alone, since the disk takes no more."""
        return self._spool.unwritten

    def _write(self) -> None:
        while (entry := self._queue.get()) is not None:
            self._spool.append(entry)
            self._appended += 1
            self._unsynced.set()
        self._written.set()
        self._unsynced.set()

    def _sync(self) -> None:
        while True:
            self._unsynced.wait(_RETRY_S)
            self._unsynced.clear()
            last = self._written.is_set()
            self._spool.sync()
            self._new.set()
            if last:
                return

    def _send(self) -> None:
        backoff = Backoff(self._channel.longest_wait_s)
        while not self._stop.is_set():
            try:
                idle = self._channel.step(self._spool)
            except Exception as error:
                # Of any kind: what a year brings must not end the sending.
                why = str(error) if isinstance(error, Unreachable) else f"{type(error).__name__}: {error}"
                after_s = error.after_s if isinstance(error, Unreachable) else 0
                if not backoff.failures:
                    log.warning("%s: %s; items wait in %s", self.destination, why, self._spool.folder)
                self._reachable = False
                self._stop.wait(max(backoff.next(), after_s))
                continue
            if backoff.failures:
                log.info("%s: takes items again", self.destination)
                backoff.reset()
            self._reachable = True
            if idle:
                self._new.wait(idle)
                self._new.clear()
        self._channel.close()

    def close(self, timeout_s: float = FLUSH_S) -> bool:
        """Bring what was put to the disk, send what can be sent, and end, all within *timeout_s*.

        Returns:
            whether all that was put is on the disk. What the host has not acknowledged is sent at the next
            start.
        """
        end = time.monotonic() + timeout_s
        with self._put_lock:
            if self._closed:
                return not self._threads[1].is_alive()
            self._closed = True
        self._queue.put(None)
        write, sync, send = self._threads
        write.join(_left(end))
        sync.join(_left(end))
        # A quarter of the time is for ending what is under way.
        last = end - timeout_s / 4
        while self._reachable and time.monotonic() < last and not self._spool.empty:
            time.sleep(0.01)
        self._stop.set()
        self._new.set()
        while send.is_alive() and time.monotonic() < end:
            # Again and again: it may have been between two attempts.
            self._channel.abort()
            send.join(0.02)
        flushed = not sync.is_alive()
        if flushed and not send.is_alive():
            self._drained = self.drained()
            self._spool.close()
        return flushed

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _left(end: float) -> float:
    return max(end - time.monotonic(), 0)
