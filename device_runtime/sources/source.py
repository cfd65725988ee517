"""Where frames come from, whatever it is.

source = open_source("rtsp://camera/stream")
while True:
    frame = source.next(timeout_s=1.0)  # raises EndOfSource
    if frame is None:  # nothing now: the camera is slow or lost
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from device_runtime.sources.frame import Frame, Unreadable


class EndOfSource(Exception):
    """A source has given its last frame: a recording is over, or who wrote to a pipe has closed it."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What has become of a source's frames.

    Attributes:
        frames: given to the reader.
        dropped: gone by while the reader was busy; always 0 for a recording.
        damaged: arrived, but could not be decoded.
        losses: how often a camera was lost.
        reconnects: how often it came back.
        lost_s: seconds it was away, in sum.
    """

    frames: int = 0
    dropped: int = 0
    damaged: int = 0
    losses: int = 0
    reconnects: int = 0
    lost_s: float = 0.0


def is_lost(source: Source) -> bool:
    """Whether its camera is away now, and being looked for."""
    return source.counts.losses > source.counts.reconnects


class Source(Protocol):
    """Gives frames, one at a time, to one thread."""

    @property
    def name(self) -> str:
        """What to print and report: no user and no password."""

    @property
    def live(self) -> bool:
        """Whether it goes on while nobody reads, so that frames may be dropped."""

    @property
    def counts(self) -> Counts:
        """What has become of its frames so far."""

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next frame; of a live source the newest. None where there is none within *timeout_s* seconds.

        A live source that is lost gives None until it is back.

        Raises:
            EndOfSource: that was all.
            FatalError: there will be no more frames, and there should have been.
        """

    def close(self) -> None:
        """Let go of the camera or file; may be called twice."""


def frames_of(source: Source, timeout_s: float = 1.0) -> Iterator[Frame | Unreadable]:
    """Every frame of *source* until its end, then close it.

    Raises:
        FatalError: as `Source.next`.
    """
    try:
        while True:
            frame = source.next(timeout_s)
            if frame is not None:
                yield frame
    except EndOfSource:
        return
    finally:
        source.close()
