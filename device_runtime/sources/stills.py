"""Images as a source: files, or pictures in memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from device_runtime.moment import Moment
from device_runtime.sources.files import read_files
from device_runtime.sources.frame import Frame, Unreadable
from device_runtime.sources.image import Image
from device_runtime.sources.source import Counts, EndOfSource


class Stills:
    """Images, one after the other; see `Source`.

    Attributes:
        name: what to call them.
        live: never.
    """

    live = False

    def __init__(self, name: str, frames: Iterable[Frame | Unreadable]) -> None:
        self.name, self._frames, self._counts = name, iter(frames), Counts()

    @classmethod
    def of_files(cls, files: Sequence[Path], *, repeat: bool = False, fps: float | None = None) -> Stills:
        """The image of each file, over and over where *repeat*; as a recording of *fps* frames a second."""
        frames = read_files(cycle(files) if repeat else files)
        return cls("images", frames if fps is None else _recorded(frames, fps))

    @classmethod
    def of_images(cls, name: str, images: Sequence[Image]) -> Stills:
        """*images*, BGR uint8 [H, W, 3], over and over."""

        def frames() -> Iterator[Frame]:
            return (Frame(source=f"{name}#{i}", image=images[i]) for i in cycle(range(len(images))))

        return cls(name, frames())

    @property
    def counts(self) -> Counts:
        """Frames, and files that were no images."""
        return self._counts

    def next(self, timeout_s: float) -> Frame | Unreadable | None:
        """The next image, or why it is none; never None."""
        frame = next(self._frames, None)
        if frame is None:
            raise EndOfSource
        kept = self._counts
        if isinstance(frame, Unreadable):
            self._counts = replace(kept, damaged=kept.damaged + 1)
        else:
            self._counts = replace(kept, frames=kept.frames + 1)
        return frame

    def close(self) -> None:
        """Nothing is held open."""


class Nothing:
    """No frames, until the run is asked to end; see `Source`."""

    name, live, counts = "nothing", True, Counts()

    def next(self, timeout_s: float) -> None:
        """None, after *timeout_s* seconds."""
        time.sleep(timeout_s)

    def close(self) -> None:
        """Nothing is held open."""


def _recorded(frames: Iterable[Frame | Unreadable], fps: float) -> Iterator[Frame | Unreadable]:
    began = Moment.now()
    for i, frame in enumerate(frames):
        at = began.monotonic + i / fps
        moment = Moment(at, began.at(at), began.synchronized)
        yield replace(frame, moment=moment) if isinstance(frame, Frame) else frame
