"""The host's end of a board's serial line: keeps what comes, each item once."""

from __future__ import annotations

import os
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

from device_runtime.delivery.item import Item, decode
from device_runtime.delivery.serial_line import SerialReceiver
from device_runtime.errors import FatalError


class Inbox:
    """What has arrived, by the items' ids.

    Attributes:
        items: in order of arrival.
        twice: how many came again.
        strange: what came and was no item.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.twice = self.strange = 0

    def store(self, texts: list[bytes]) -> None:
        """Keep items; what this process has is safe, since it is the board that is cut off."""
        for text in texts:
            try:
                item = decode(text, "serial line")
            except FatalError:
                self.strange += 1
                continue
            if item.id in self.items:
                self.twice += 1
            else:
                self.items[item.id] = item

    @property
    def bodies(self) -> list[dict[str, object]]:
        """Of all items."""
        return [item.body for item in list(self.items.values())]

    def wait_for(self, n: int, seconds: float) -> bool:
        """Until there are *n* items; whether there are, after so many seconds at most."""
        deadline = time.monotonic() + seconds
        while len(self.items) < n:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def gaps(self) -> list[str]:
        """What is wrong with the sequence numbers of each spool: one line for each that is not 1 … n."""
        numbers: dict[str, list[int]] = {}
        for item in self.items.values():
            numbers.setdefault(item.spool, []).append(item.sequence)
        wrong = []
        for spool, found in numbers.items():
            missing = sorted(set(range(1, max(found) + 1)) - set(found))
            double = len(found) - len(set(found))
            if missing or double:
                wrong.append(
                    f"spool {spool[:8]}: {len(missing)} missing ({missing[:5]}), {double} given twice"
                )
        return wrong


class LineEnd:
    """Receives from the terminal *path* into *inbox* while it is a context; a board that ends is no error."""

    def __init__(self, path: Path, inbox: Inbox) -> None:
        self._path, self._inbox = path, inbox
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._handle = -1

    def __enter__(self) -> LineEnd:
        self._handle = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._handle)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(10)
        os.close(self._handle)

    def _receive(self) -> None:
        receiver = SerialReceiver(self._handle, self._inbox.store)
        while not self._ending.is_set():
            try:
                receiver.step(0.2)
            except OSError:
                # The board's power is off.
                return
