"""How all boards of a store are doing, worst first."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from device_runtime.report.health import Health
from host.show.condition import RECENT, Condition, condition, dated, lost_something
from host.store.store import Store
from host.store.values import Board

MOST = 1000
"""Boards that are put in order together; those behind them by name are another list."""
KEPT_S = 2.0
"""So long one look at all of them serves everybody."""
_HISTORY = 150
"""Health reports of a board that are gone through, at most."""


@dataclass(frozen=True, kw_only=True)
class Boards:
    """Some boards and how each is doing.

    Attributes:
        rows: worst first, then by name.
        next: the name behind which there are more; None where there are not.
    """

    rows: tuple[tuple[Board, Condition], ...]
    next: str | None


class Fleet:
    """Boards and how they are doing; what was worked out of a report is kept until the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Boards]] = {}
        self._before: dict[str, tuple[int, Health | None]] = {}
        self._since: dict[str, tuple[int, Condition]] = {}

    def look(self, store: Store, after: str, now: datetime) -> Boards:
        """The first `MOST` boards whose name lies behind *after*.

        Raises:
            FatalError: *after* is no name.
        """
        with self._lock:
            at, found = self._kept.get(after, (0.0, None))
            if found is None or time.monotonic() - at >= KEPT_S:
                found = self._look(store, after, now)
                self._kept = {after: (time.monotonic(), found)}
            return found

    def _look(self, store: Store, after: str, now: datetime) -> Boards:
        boards = store.boards(after, MOST + 1)
        rows = [(each, self._condition(store, each, now)) for each in boards[:MOST]]
        rows.sort(key=lambda row: (row[1].rank, row[0].name))
        return Boards(rows=tuple(rows), next=boards[MOST - 1].name if len(boards) > MOST else None)

    def _condition(self, store: Store, board: Board, now: datetime) -> Condition:
        health, before = board.health, None
        if health is not None and lost_something(health.health):
            row, before = self._before.get(board.name, (0, None))
            if row != health.id:
                earlier = store.health(board.name, until=health.at - RECENT, limit=1)
                before = earlier[0].health if earlier else None
                self._before[board.name] = health.id, before
        return condition(health.health if health else None, board.last_received_at, now, before)

    def dated(self, store: Store, rows: Sequence[tuple[Board, Condition]]) -> list[tuple[Board, Condition]]:
        """*rows* with the times at which troubles began."""
        with self._lock:
            return [(board, self._dated(store, board, found)) for board, found in rows]

    def _dated(self, store: Store, board: Board, found: Condition) -> Condition:
        if board.health is None or found.state not in ("bad", "doubtful"):
            return found
        row, known = self._since.get(board.name, (0, found))
        if row != board.health.id:
            known = with_dates(store, board, found)
            self._since[board.name] = board.health.id, known
        return known


def condition_of(store: Store, board: Board, now: datetime) -> Condition:
    """How one board is doing, and since when."""
    if board.health is None:
        return condition(None, board.last_received_at, now)
    earlier = store.health(board.name, until=board.health.at - RECENT, limit=1)
    before = earlier[0].health if earlier else None
    found = condition(board.health.health, board.last_received_at, now, before)
    return with_dates(store, board, found)


def with_dates(store: Store, board: Board, found: Condition) -> Condition:
    """*found*, of *board*, with the times at which its troubles began."""
    if found.state not in ("bad", "doubtful"):
        return found
    history = store.health(board.name, limit=_HISTORY)
    return dated(found, [(one.at, one.health) for one in history])
