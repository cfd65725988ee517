"""What a sink is given, and what it can do with it."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.read.engine import Reading
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.image import Image


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """A plate that was read.

    Attributes:
        frame: where from.
        image: the part of the frame that was read, BGR uint8 [H, W, 3].
        reading: what it says.
        truth: what it should say, or None without a label.
        timings_ms: by stage, with `read` where the frame knows it, and `total`.
    """

    frame: Frame
    image: Image
    reading: Reading
    truth: str | None
    timings_ms: dict[str, float]


class Sink:
    """Takes what a run reads, in order; does nothing with it unless a subclass does."""

    def add(self, result: Result) -> None:
        """Take a plate."""

    def miss(self, unreadable: Unreadable) -> None:
        """Take a file that could not be read."""

    def close(self) -> None:
        """The run is over, however it ended."""


class OnlyChanges(Sink):
    """Hands a plate on only where it reads differently from the one before, as in a camera's frames."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._last: str | None = None

    def add(self, result: Result) -> None:
        if result.reading.plate != self._last:
            self._last = result.reading.plate
            self._sink.add(result)

    def miss(self, unreadable: Unreadable) -> None:
        self._sink.miss(unreadable)

    def close(self) -> None:
        self._sink.close()
