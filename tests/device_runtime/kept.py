"""A sink that keeps what it is given."""

from __future__ import annotations

from device_runtime.follow.event import Passage
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.frame import Unreadable


class Kept(Sink):
    """Keeps what it is given, and fails or is interrupted on request."""

    def __init__(self, error: BaseException | None = None, at: int = 0) -> None:
        self.results: list[Result] = []
        self.told: list[Passage] = []
        self.missed: list[Unreadable] = []
        self.closed = 0
        self._error, self._at = error, at

    def add(self, result: Result) -> None:
        if self._error and len(self.results) == self._at:
            raise self._error
        self.results.append(result)

    def tell(self, passage: Passage) -> None:
        self.told.append(passage)

    def miss(self, unreadable: Unreadable) -> None:
        self.missed.append(unreadable)

    def close(self) -> None:
        self.closed += 1
