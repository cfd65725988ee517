"""Frames from standard input or a named pipe: MJPEG, or raw ones of a size that is known.

rpicam-vid -n -t 0 --codec mjpeg --width 1280 --height 720 -o - | lpr-run --camera -
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections import deque
from functools import partial
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.jpeg import JpegSplitter, decode_jpeg
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.raw import RAW, decode_raw, raw_bytes
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import EndOfSource

STANDARD_INPUT = "-"

_READ = 1 << 20
_NO_PICTURE = 8 << 20
"""After so many bytes without one it is no MJPEG stream."""


class PipeCapture:
    """Frames from a file descriptor that somebody writes to; see `Capture`.

    Attributes:
        raw: name of the pixel format; None for MJPEG.
    """

    def __init__(self, name: str, descriptor: int, settings: SourceSettings, *, ends: bool) -> None:
        """Take over *descriptor*.

        Args:
            ends: whether it is over when it is closed at its other end, else lost.

        Raises:
            FatalError: the size of raw frames is missing.
        """
        self._name, self._descriptor, self._ends = name, descriptor, ends
        wanted = settings.pixel_format
        if wanted is None:
            wanted = "MJPG" if settings.size is None else "I420"
        self.raw = wanted if wanted in RAW else None
        self._size = settings.size or (0, 0)
        if self.raw and settings.size is None:
            raise FatalError(f"--pixel-format {wanted}", "needs the frames' size", "give --size 1280x720")
        if self.raw in ("I420", "NV12") and (self._size[0] % 2 or self._size[1] % 2):
            raise FatalError("--size", f"must be even for {self.raw}", "give the size that is sent")
        self._frame_bytes = raw_bytes(self.raw, self._size) if self.raw else 0
        self._splitter, self._held = JpegSplitter(), bytearray()
        # Once, and not a MiB for each few KiB that come: what is allocated and shrunk all day leaves holes.
        self._buffer = memoryview(bytearray(_READ))
        self._ready: deque[Captured] = deque()
        self._any = False

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`.

        Raises:
            FatalError: it is no MJPEG stream.
        """
        until = time.monotonic() + timeout_s
        while not self._ready:
            left = until - time.monotonic()
            if left < 0 or not select.select([self._descriptor], [], [], left)[0]:
                return None
            try:
                data = bytes(self._buffer[: os.readv(self._descriptor, [self._buffer])])
            except BlockingIOError:
                continue
            except OSError as error:
                raise Lost(error.strerror or "cannot be read") from None
            if not data:
                self._end()
            self._take(data)
        self._any = True
        return self._ready.popleft()

    def interrupt(self) -> None:
        """`read` keeps to its time."""

    def close(self) -> None:
        """Close the descriptor, but for standard input, which is not ours."""
        if self._descriptor > 2:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, data: bytes) -> None:
        if not self.raw:
            if not self._any and data[:5] in (b"\0\0\0\1\x67", b"\0\0\0\1\x27"):
                raise self._unlike("is H.264")
            for picture in self._splitter.feed(data):
                self._ready.append(Captured(Moment.now(), partial(decode_jpeg, picture)))
            if not self._any and not self._ready and self._splitter.skipped > _NO_PICTURE:
                raise self._unlike("holds no JPEG pictures")
            return
        self._held += data
        while len(self._held) >= self._frame_bytes:
            frame = bytes(self._held[: self._frame_bytes])
            del self._held[: self._frame_bytes]
            self._ready.append(Captured(Moment.now(), partial(decode_raw, frame, self.raw, self._size)))

    def _unlike(self, why: str) -> FatalError:
        return FatalError(
            f"camera {self._name}", why, "send MJPEG (rpicam-vid --codec mjpeg), or raw I420 and give --size"
        )

    def _end(self) -> None:
        if not self._ends:
            raise Lost("nobody writes to it any more")
        if not self._any:
            raise self._unlike("ends without a frame")
        raise EndOfSource


def standard_input(settings: SourceSettings) -> PipeCapture:
    """Frames from standard input.

    Raises:
        FatalError: it is a terminal, or closed.
    """
    todo = "pipe a stream into it: rpicam-vid -n -t 0 --codec mjpeg -o - | lpr-run --camera -"
    try:
        terminal = os.isatty(0)
        os.fstat(0)
    except OSError:
        raise FatalError("camera -", "standard input is closed", todo) from None
    if terminal:
        raise FatalError("camera -", "standard input is a terminal", todo)
    return PipeCapture(STANDARD_INPUT, 0, settings, ends=True)


def is_file(descriptor: int) -> bool:
    """Whether it is a file on a disk, which waits for its reader."""
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def named_pipe(path: Path, settings: SourceSettings) -> PipeCapture:
    """Frames from the named pipe *path*, whoever writes to it.

    Raises:
        FatalError: it cannot be opened.
    """
    try:
        # Does not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FatalError(
            f"camera {path}", f"cannot be opened ({error.strerror})", "check the path and its permissions"
        ) from None
    try:
        return PipeCapture(str(path), descriptor, settings, ends=False)
    except FatalError:
        os.close(descriptor)
        raise
