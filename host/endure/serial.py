"""A serial line that loses, damages and delays what is sent over it, and items that cross it nonetheless.

Delivery ──▶ terminal ══ BadLine ══ terminal ──▶ SerialReceiver, which stores and acknowledges
"""

from __future__ import annotations

import os
import pty
import random
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device_runtime.delivery.delivery import Delivery
from device_runtime.delivery.destination import SerialDestination
from host.trial import Failed
from host.virtual_board.line_end import Inbox, LineEnd

PIECE = 64
"""Bytes that are lost at once."""
_WAITING = 500
"""Items that are handed over before the host has them."""
_STALLED_S = 120.0
"""Without an item for so long, no more will come."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What a line does to what is sent over it, in both directions.

    Attributes:
        loss: share of the pieces that are lost.
        damage: share of the bytes that become others.
        delay_s: at most, on top of the time that a byte takes; nothing overtakes.
        baud: its speed.
        seed: of all that is drawn.
    """

    loss: float = 0.02
    damage: float = 0.01
    delay_s: float = 0.02
    baud: int = 115_200
    seed: int = 1


class BadLine:
    """Carries bytes between two terminals while it is a context.

    Args:
        faults: what it does to them.

    Attributes:
        board, host: paths of the two terminals.
        carried: bytes that went in, in both directions.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults, self._random = faults, random.Random(faults.seed)
        self._ends = [pty.openpty(), pty.openpty()]
        for ours, theirs in self._ends:
            tty.setraw(theirs)
            os.set_blocking(ours, False)
        self.board, self.host = (Path(os.ttyname(theirs)) for _, theirs in self._ends)
        self.carried = 0
        self._ending = False
        self._thread = threading.Thread(target=self._carry, name="line", daemon=True)

    def __enter__(self) -> BadLine:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._thread.join(10)
        for ours, theirs in self._ends:
            os.close(ours)
            os.close(theirs)

    def _carry(self) -> None:
        board, host = self._ends[0][0], self._ends[1][0]
        ways = (_Way(board, host), _Way(host, board))
        while not self._ending:
            now = time.monotonic()
            for way in ways:
                self._release(way, now)
            free = [way.source for way in ways if way.free_at <= now]
            dues = [way.due for way in ways if way.due] + [way.free_at for way in ways if way.free_at > now]
            wait = min([0.05, *(due - now for due in dues)])
            ready = select.select(free, (), (), max(wait, 0))[0]
            now = time.monotonic()
            for way in ways:
                if way.source in ready:
                    self._take(way, os.read(way.source, PIECE), now)

    def _take(self, way: _Way, piece: bytes, now: float) -> None:
        faults, draw = self._faults, self._random.random
        self.carried += len(piece)
        way.free_at = max(way.free_at, now - 0.01) + len(piece) * 10 / faults.baud
        if draw() < faults.loss:
            return
        damaged = bytearray(piece)
        for index in range(len(damaged)):
            if draw() < faults.damage:
                damaged[index] ^= self._random.randrange(1, 256)
        way.last = max(way.last, way.free_at + draw() * faults.delay_s)
        way.under_way.append((way.last, bytes(damaged)))

    @staticmethod
    def _release(way: _Way, now: float) -> None:
        while way.under_way and way.under_way[0][0] <= now:
            # A receiver that does not read loses what comes, as on any line without flow control.
            with suppress(BlockingIOError):
                os.write(way.to, way.under_way[0][1])
            way.under_way.popleft()


class _Way:
    """One direction: what is under way, and when."""

    def __init__(self, source: int, to: int) -> None:
        self.source, self.to = source, to
        self.free_at = self.last = 0.0
        self.under_way: deque[tuple[float, bytes]] = deque()

    @property
    def due(self) -> float:
        return self.under_way[0][0] if self.under_way else 0.0


def crosses(items: int, faults: Faults, folder: Path) -> str:
    """Send *items* events over a bad line: each arrives, once, and in order.

    Args:
        folder: for the spool.

    Raises:
        Failed: one is missing, or came twice under two ids.
    """
    inbox = Inbox()
    start = time.monotonic()
    with BadLine(faults) as line, LineEnd(line.host, inbox):
        with Delivery(SerialDestination(str(line.board), faults.baud), folder / "spool") as delivery:
            for number in range(1, items + 1):
                delivery.put("event", {"number": number, "text": "京A12345"})
                if number % _WAITING == 0:
                    _until(lambda: number - len(inbox.items) < _WAITING, inbox)  # noqa: B023
            _until(delivery.drained, inbox)
            told = delivery.counts()
        seconds = time.monotonic() - start
        carried = line.carried
    numbers = [body["number"] for body in inbox.bodies]
    if numbers != list(range(1, items + 1)):
        raise Failed(f"{len(set(map(str, numbers)))} of {items} items came, {len(numbers)} in sum")
    if wrong := inbox.gaps():
        raise Failed("; ".join(wrong))
    if told.acknowledged != items or inbox.strange:
        raise Failed(f"{told.acknowledged} acknowledged, {inbox.strange} that were no items")
    return (
        f"{items} items in {seconds:.0f} s, {items / seconds:.0f} a second; 0 lost, 0 twice; "
        f"{inbox.twice} came again and were known; {carried / 1e6:.1f} MB on the line"
    )


def _until(condition: Callable[[], bool], inbox: Inbox) -> None:
    """Wait for *condition*.

    Raises:
        Failed: no items come any more.
    """
    came, limit = -1, 0.0
    while not condition():
        if len(inbox.items) != came:
            came, limit = len(inbox.items), time.monotonic() + _STALLED_S
        elif time.monotonic() > limit:
            raise Failed(f"nothing came for {_STALLED_S:.0f} s after {came} items")
        time.sleep(0.01)
