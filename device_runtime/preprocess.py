"""From an image file to the module's input tensor."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from device_runtime.errors import FatalError
from device_runtime.manifest import PreprocessInfo

# The constants the public LPRNet checkpoint was trained with.
DEFAULT = PreprocessInfo(
    width=94, height=24, color="BGR", interpolation="linear", mean=127.5, scale=0.0078125
)

# TVM's generated code uses aligned vector loads up to the width of an AVX-512 register.
ALIGNMENT = 64

# As OPENCV_IO_MAX_IMAGE_PIXELS, for a process that had loaded OpenCV before this package.
MAX_PIXELS = 1 << 26
MAX_FILE_BYTES = 256 << 20


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray:
    """An uninitialized C-contiguous array that begins on a 64-byte boundary (numpy promises 16)."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(kind).reshape(shape)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to BGR uint8 [H, W, 3].

    Grey images are spread over three channels, alpha is dropped, 16-bit samples keep their upper byte
    and EXIF orientation is applied. Any file name that the file system allows will do.

    Raises:
        FatalError: missing, unreadable, empty, too large, or not an image OpenCV knows.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise FatalError(str(path), f"is {size >> 20} MiB, more than {MAX_FILE_BYTES >> 20}", _SMALLER)
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", "check the path") from None
    if data.size == 0:
        raise FatalError(str(path), "is empty", "copy the file again")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        if "pixels" in str(error).lower():
            raise FatalError(str(path), f"has more than {MAX_PIXELS >> 20} Mi pixels", _SMALLER) from None
        raise FatalError(str(path), "cannot be decoded", _FORMATS) from None
    if image is None or image.size == 0:
        raise FatalError(str(path), "is not a readable image", _FORMATS)
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise FatalError(str(path), f"has more than {MAX_PIXELS >> 20} Mi pixels", _SMALLER)
    return image


def as_bgr(image: NDArray) -> NDArray[np.uint8]:
    """*image* as BGR uint8 [H, W, 3]; grey, BGRA and 16-bit images are converted, BGR is returned as is.

    Raises:
        FatalError: any other shape or dtype, or no pixels.
    """
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


def resize(image: NDArray, spec: PreprocessInfo = DEFAULT) -> NDArray[np.uint8]:
    """*image* as BGR uint8 [height, width, 3], resized bilinearly where its size differs.

    Raises:
        FatalError: an image `as_bgr` refuses.
    """
    image = as_bgr(image)
    if image.shape[0] == spec.height and image.shape[1] == spec.width:
        return image
    # Exact gives every CPU the same bytes; INTER_LINEAR is off by a grey level between x86 and ARM.
    return cv2.resize(image, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR_EXACT)


def prepare(image: NDArray, out: NDArray[np.float32], spec: PreprocessInfo = DEFAULT) -> None:
    """Write the input tensor of *image* into *out*.

    `resize`, (x − mean) × scale, channels first.

    Args:
        image: BGR uint8 [H, W, 3], or what `as_bgr` converts.
        out: C-contiguous float32 [1, 3, height, width], as from `aligned_empty`; overwritten.

    Raises:
        FatalError: an image `as_bgr` refuses.
    """
    image = resize(image, spec)
    np.subtract(image.transpose(2, 0, 1), np.float32(spec.mean), out=out[0], dtype=np.float32)
    np.multiply(out, np.float32(spec.scale), out=out)


_SMALLER = "use a smaller image"
_FORMATS = "use JPEG, PNG, BMP, TIFF or WebP"
