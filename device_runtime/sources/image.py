"""Decoding an image safely."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.descriptors import hushed
from device_runtime.errors import FatalError

Image = NDArray[np.uint8]
"""Pixels as OpenCV has them: BGR, [H, W, 3]."""
Rows = tuple[Image, Image | None]
"""A plate and None, or its upper and its lower row."""

MAX_PIXELS = 1 << 26
"""As OPENCV_IO_MAX_IMAGE_PIXELS, for a process that had loaded OpenCV before this package."""
MAX_FILE_BYTES = 256 << 20
_BYTES = np.dtype(np.uint8)


def read_image(path: Path) -> Image:
    """Decode an image file to BGR uint8 [H, W, 3].

    As `decode_image`. Any file name that the file system allows will do.

    Raises:
        FatalError: missing, unreadable, empty, too large, or not an image OpenCV knows.
    """
    try:
        # A named pipe that nobody writes to is empty, and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb") as file:
            # Of a device or a pipe nobody knows how much comes; room for what is asked for is made at once.
            size = os.fstat(descriptor).st_size or MAX_FILE_BYTES
            data = file.read(min(size, MAX_FILE_BYTES) + 1)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "check the path") from None
    if len(data) > MAX_FILE_BYTES:
        raise FatalError(str(path), f"is longer than {MAX_FILE_BYTES >> 20} MiB", _SMALLER)
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> Image:
    """Decode what an image file holds to BGR uint8 [H, W, 3].

    Grey images are spread over three channels, alpha is dropped, 16-bit samples keep their upper byte
    and EXIF orientation is applied.

    Args:
        data: the file's content.
        name: to call it in an error.

    Raises:
        FatalError: empty, too large, or not an image OpenCV knows.
    """
    if not data:
        raise FatalError(name, "is empty", "copy the file again")
    try:
        with hushed():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        if "pixels" in str(error).lower():
            raise FatalError(name, f"has more than {MAX_PIXELS >> 20} Mi pixels", _SMALLER) from None
        raise FatalError(name, "cannot be decoded", _FORMATS) from None
    if image is None or image.size == 0:
        raise FatalError(name, "is not a readable image", _FORMATS)
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise FatalError(name, f"has more than {MAX_PIXELS >> 20} Mi pixels", _SMALLER)
    return image


def as_bgr(image: NDArray) -> Image:
    """*image* as BGR uint8 [H, W, 3]; grey, BGRA and 16-bit images are converted, BGR is returned as is.

    Raises:
        FatalError: any other shape or dtype, or no pixels.
    """
    if image.dtype == _BYTES and image.ndim == 3 and image.shape[2] == 3 and image.size:
        return image
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.size == 0:
        raise FatalError(
            "image",
            f"is {image.dtype} {list(image.shape)}",
            "pass uint8 or uint16 grey, BGR or BGRA with pixels",
        )
    if channels == 3:
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGRA2BGR if channels == 4 else cv2.COLOR_GRAY2BGR)


_SMALLER = "use a smaller image"
_FORMATS = "use JPEG, PNG, BMP, TIFF or WebP"
