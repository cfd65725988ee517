"""A video of what was seen and read."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path

import cv2
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.files import check_writable
from device_runtime.locate.region import Region
from device_runtime.sinks.glyphs import Glyphs
from device_runtime.sinks.pictures import frame_picture, marks_of
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.image import Image

log = logging.getLogger(__name__)

CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mkv": "mp4v"}
"""By the file's suffix; what OpenCV's wheels can write without other libraries."""
LONGEST_GAP_S = 5.0
"""A picture that nothing follows is shown no longer."""
_LEAST_FREE = 4 << 20
"""Bytes: on a disk with less it ends, while its index can still be written; OpenCV does not say that it
could not write."""
_LOOK_EVERY = 32
"""Pictures, between looks at the file and its disk."""


class Video(Sink):
    """Writes each frame with its plates; the video takes as long as what it shows took.

    Args:
        path: of the video; its suffix is one of `CODECS`.
        region: the part of each frame that was looked at.
        fps: frames a second of the video.
        max_bytes: it ends when it is so long.
        glyphs: for the texts.

    Raises:
        FatalError: the suffix is none of them, or there can be no file in its folder.
    """

    def __init__(
        self,
        path: Path,
        region: Region | None,
        *,
        fps: float,
        max_bytes: int,
        glyphs: Glyphs | None = None,
    ) -> None:
        if path.suffix.lower() not in CODECS:
            raise FatalError(str(path), "is no video that can be written", f"end it in {' or '.join(CODECS)}")
        check_writable(path)
        self._path, self._region, self._fps, self._max_bytes = path, region, fps, max_bytes
        self._glyphs = glyphs
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._first = self._shown = 0.0
        self._written = 0
        self._last: Image | None = None
        self._full = False

    def add(self, result: Result) -> None:
        """Write the picture of *result*.

        Raises:
            FatalError: the video cannot be written.
        """
        if self._full:
            return
        picture = frame_picture(
            result.frame.image, self._region, marks_of(result, self._region), self._glyphs
        )
        at = result.frame.moment.monotonic
        if self._writer is None:
            self._open(picture)
            self._first = self._shown = at
        # A pause is cut out.
        self._first += max(at - self._shown - LONGEST_GAP_S, 0.0)
        self._shown = at
        self._fill(at - self._first)
        self._last = self._fitted(picture)

    def _fill(self, until_s: float) -> None:
        """Show the last picture until this one's time."""
        assert self._writer is not None
        while self._last is not None and self._written < round(until_s * self._fps):
            self._writer.write(self._last)
            self._written += 1
            if self._written % _LOOK_EVERY == 0:
                self._look()
                if self._full:
                    return

    def _look(self) -> None:
        """End the video where it is as long as it may be, or cannot go on."""
        try:
            size = self._path.stat().st_size
            free = shutil.disk_usage(self._path.parent).free
        except OSError as error:
            self._end()
            raise self._error(f"({error.strerror})") from None
        if free < _LEAST_FREE:
            self._end()
            raise self._error(f"({os.strerror(errno.ENOSPC)})")
        if size > self._max_bytes:
            log.warning("%s: is %d MiB long and ends here", self._path, self._max_bytes >> 20)
            self._end()

    def _end(self) -> None:
        self._full = True
        self._release()

    def _open(self, picture: Image) -> None:
        self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
        codec = cv2.VideoWriter.fourcc(*CODECS[self._path.suffix.lower()])
        self._writer = cv2.VideoWriter(str(self._path), codec, self._fps, self._size)
        if not self._writer.isOpened():
            self._end()
            raise self._error()
        self._look()

    def _error(self, why: str = "") -> FatalError:
        return FatalError(
            str(self._path), f"cannot be written {why}".strip(), "free space or name another file"
        )

    def _fitted(self, picture: Image) -> Image:
        """*picture* as large as the video, at its upper left where it has another shape."""
        width, height = self._size
        if picture.shape[1::-1] == self._size:
            return picture
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = (
            min(max(round(picture.shape[1] * scale), 1), width),
            min(max(round(picture.shape[0] * scale), 1), height),
        )
        whole = np.zeros((height, width, 3), np.uint8)
        whole[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return whole

    def close(self) -> None:
        """Show the last picture, and end the video."""
        if self._writer is not None and self._last is not None and not self._full:
            self._writer.write(self._last)
        self._release()

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()
