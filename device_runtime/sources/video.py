"""Video files: every frame, with the moments of the recording."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.frame import Frame
from device_runtime.sources.image import as_bgr
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import Counts, EndOfSource

log = logging.getLogger(__name__)


class VideoFile:
    """A recording as a source; see `Source`.

    Attributes:
        name: its path.
        live: never.
    """

    live = False

    def __init__(self, path: Path, settings: SourceSettings) -> None:
        """Open it.

        Raises:
            FatalError: it cannot be read, or is no video.
        """
        self.name = str(path)
        try:
            # OpenCV does not tell one from the other.
            if path.stat().st_size == 0:
                raise FatalError(self.name, "is empty", "copy the file again")
            with path.open("rb"):
                pass
        except OSError as error:
            raise FatalError(self.name, f"cannot be read ({error.strerror})", "check the path") from None
        try:
            # Others than FFmpeg talk on standard error.
            known = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
            self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG if known else cv2.CAP_ANY)
            opened = self._capture.isOpened()
        except cv2.error:
            opened = False
        if not opened:
            raise FatalError(self.name, "is no video that can be decoded", "use MP4, MKV or AVI with H.264")
        # Estimated by some containers, absurd in some files.
        self._total = int(min(max(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), 0), 2**53))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._frame_s = 1 / rate if 0.001 < rate < 1000 else 0.04
        self._interval_s, self._due = 1 / settings.fps if settings.fps else 0.0, 0.0
        self._began, self._at, self._seen = Moment.now(), -self._frame_s, 0
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """Frames that were read."""
        return self._counts

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame; never None."""
        began = time.perf_counter()
        while self._capture.grab():
            self._seen += 1
            at = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Not every container has times, and some jump back.
            self._at = at if self._at < at < self._at + 3600 else self._at + self._frame_s
            if self._at < self._due - self._frame_s / 4:
                continue
            got, image = self._capture.retrieve()
            if not got or image is None or image.size == 0:
                continue
            self._due = max(self._due + self._interval_s, self._at)
            self._counts = replace(self._counts, frames=self._counts.frames + 1)
            clock = self._began.clock + timedelta(seconds=self._at)
            return Frame(
                source=f"{self.name}#{self._seen}",
                image=as_bgr(image),
                read_ms=1000 * (time.perf_counter() - began),
                moment=Moment(self._began.monotonic + self._at, clock, self._began.synchronized),
            )
        if not self._counts.frames:
            raise FatalError(self.name, "holds no frame that can be decoded", "copy the file again")
        warn_if_cut(self.name, self._seen, self._total)
        self._total = 0
        raise EndOfSource

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def warn_if_cut(name: str, seen: int, total: int) -> None:
    """Say so where a recording has clearly fewer frames than it says; containers estimate the number."""
    if total - seen > max(1, total // 50):
        log.warning("%s: ends after %d of %d frames, as if it were cut short", name, seen, total)
