"""JPEG pictures one after the other, as in an MJPEG stream: where each begins and ends, and its pixels."""

from __future__ import annotations

import re

import cv2
import numpy as np

from device_runtime.descriptors import hushed
from device_runtime.sources.image import MAX_PIXELS, Image

MAX_PICTURE = 32 << 20
"""Bytes; a picture of 64 Mi pixels takes less."""

_START = b"\xff\xd8\xff"
# In the coded data FF is followed by 00, a restart marker, or a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_END, _SCAN = 0xD9, 0xDA


class JpegSplitter:
    """Cuts a stream of bytes into JPEG pictures, whatever lies between them and however it arrives.

    Segments are followed by their lengths, since a thumbnail inside one has an end marker, too (ITU-T T.81,
    annex B). A picture that breaks off where the next one begins is left out.

    Attributes:
        skipped: bytes that belong to no picture.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        # Where to go on in `_held`: past the segments that are known, and whether in coded data.
        self._at, self._coded = 0, False
        self.skipped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The pictures that *data* completes."""
        self._held += data
        pictures: list[bytes] = []
        while (picture := self._next()) is not None:
            pictures.append(picture)
        return pictures

    @property
    def within(self) -> bool:
        """Whether a picture has begun and not ended."""
        return self._at > 0

    def _next(self) -> bytes | None:
        while True:
            if not self._at:
                start = self._held.find(_START)
                if start < 0:
                    # Its first bytes may have arrived.
                    self._skip(max(len(self._held) - len(_START) + 1, 0))
                    return None
                self._skip(start)
                self._at, self._coded = 2, False
            end = self._walk()
            if end is None:
                if len(self._held) <= MAX_PICTURE:
                    return None
                end = 0
            if end:
                picture = bytes(self._held[:end])
                del self._held[:end]
                self._at = 0
                return picture
            # Not a picture after all.
            self._skip(2)
            self._at = 0

    def _walk(self) -> int | None:
        """Where the picture that begins at 0 ends; None: not here yet, 0: it is broken."""
        held = self._held
        while True:
            if self._coded:
                found = _MARKER.search(held, self._at)
                if not found:
                    self._at = max(len(held) - 1, self._at)
                    return None
                self._at, self._coded = found.start(), False
            if len(held) < self._at + 4:
                return self._at + 2 if held[self._at : self._at + 2] == b"\xff\xd9" else None
            if held[self._at] != 0xFF:
                return 0
            marker = held[self._at + 1]
            if marker == 0xFF:
                self._at += 1
            elif marker == _END:
                return self._at + 2
            elif marker in _WITHOUT_LENGTH:
                if marker == 0xD8:
                    return 0
                self._at += 2
            else:
                length = held[self._at + 2] << 8 | held[self._at + 3]
                if length < 2 or marker == 0:
                    return 0
                if len(held) < self._at + 2 + length:
                    return None
                self._at += 2 + length
                self._coded = marker == _SCAN

    def _skip(self, count: int) -> None:
        del self._held[:count]
        self.skipped += count


def decode_jpeg(data: bytes) -> Image | None:
    """The pixels of a JPEG picture, BGR uint8 [H, W, 3]; None where it is none."""
    try:
        with hushed():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if image is None or image.size == 0 or image.shape[0] * image.shape[1] > MAX_PIXELS:
        return None
    return image
