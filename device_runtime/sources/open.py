"""From what a user writes after `--camera` to a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from device_runtime.sources.camera import camera_frames
from device_runtime.sources.frame import Frame
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import Counts, EndOfSource, Source


def open_source(camera: str, settings: SourceSettings | None = None) -> Source:
    """The source that *camera* names.

    Args:
        camera: number, name or path of a local camera, address, file, or - for standard input.
        settings: how frames are asked for; the defaults where None.

    Raises:
        FatalError: there is none, or it does not open.
    """
    return _Camera(camera, camera_frames(camera))


class _Camera:
    live = False

    def __init__(self, name: str, frames: Iterator[Frame]) -> None:
        self.name, self._frames, self._counts = name, frames, Counts()

    @property
    def counts(self) -> Counts:
        return self._counts

    def next(self, timeout_s: float) -> Frame | None:
        frame = next(self._frames, None)
        if frame is None:
            raise EndOfSource
        self._counts = replace(self._counts, frames=self._counts.frames + 1)
        return frame

    def close(self) -> None:
        pass
