"""Frames without compression, by the names of V4L2's pixel formats."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from device_runtime.sources.image import Image


@dataclass(frozen=True)
class RawFormat:
    """How pixels lie in memory.

    Attributes:
        rows: lines of bytes, in parts of the picture's height.
        samples: bytes of a pixel in such a line; no axis of its own where 1.
        conversion: OpenCV's number for the way to BGR; None where it is BGR.
    """

    rows: float
    samples: int
    conversion: int | None


RAW: dict[str, RawFormat] = {
    "I420": RawFormat(1.5, 1, cv2.COLOR_YUV2BGR_I420),
    "NV12": RawFormat(1.5, 1, cv2.COLOR_YUV2BGR_NV12),
    "YUYV": RawFormat(1, 2, cv2.COLOR_YUV2BGR_YUYV),
    "UYVY": RawFormat(1, 2, cv2.COLOR_YUV2BGR_UYVY),
    "BGR3": RawFormat(1, 3, None),
    "GREY": RawFormat(1, 1, cv2.COLOR_GRAY2BGR),
}
"""Those that are read."""


def raw_bytes(pixel_format: str, size: tuple[int, int]) -> int:
    """Of a frame, *size* being width and height."""
    kind = RAW[pixel_format]
    return int(size[0] * size[1] * kind.rows) * kind.samples


def decode_raw(data: bytes | bytearray | memoryview, pixel_format: str, size: tuple[int, int]) -> Image:
    """BGR uint8 [H, W, 3] of a frame of `raw_bytes`."""
    kind, (width, height) = RAW[pixel_format], size
    pixels = np.frombuffer(data, np.uint8)
    shape = (int(height * kind.rows), width)
    lines = pixels.reshape(shape if kind.samples == 1 else (*shape, kind.samples))
    if kind.conversion is None:
        return lines.copy()
    return cv2.cvtColor(lines, kind.conversion)
