"""What a sink is given, and what it can do with it."""

from __future__ import annotations

from dataclasses import dataclass

from device_runtime.follow.event import Passage
from device_runtime.reader import Plate, Unread
from device_runtime.sources.frame import Frame, Unreadable


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """A frame and its plates.

    Attributes:
        frame: where from.
        plates: what was read, the surest place first.
        unread: what was found besides.
        truth: what is on it, or None without a label.
        timings_ms: by stage, with `read` where the frame knows it, and `total`.
    """

    frame: Frame
    plates: tuple[Plate, ...]
    unread: tuple[Unread, ...]
    truth: str | None
    timings_ms: dict[str, float]

    @property
    def found(self) -> tuple[Plate | Unread, ...]:
        """What was read, then what was not."""
        return (*self.plates, *self.unread)

    @property
    def text(self) -> str:
        """The plate that the label names if it was read, else the surest one; empty without any."""
        texts = [plate.text for plate in self.plates]
        return self.truth if self.truth in texts and self.truth else texts[0] if texts else ""


class Sink:
    """Takes what a run sees, in order; does nothing with it unless a subclass does.

    All is called by the thread that reads, which must not be kept waiting.
    """

    def add(self, result: Result) -> None:
        """Take a frame that was examined."""

    def tell(self, passage: Passage) -> None:
        """Take an event; the frame that it was told at has been given to `add`."""

    def miss(self, unreadable: Unreadable) -> None:
        """Take a file that could not be read."""

    def tick(self) -> None:
        """About a second has passed, whether frames come or not."""

    def close(self) -> None:
        """The run is over, however it ended."""
