"""From an image file to the module's input tensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import PreprocessInfo
from device_runtime.sources.image import Image, as_bgr

DEFAULT = PreprocessInfo(
    width=94, height=24, color="BGR", interpolation="linear", mean=127.5, scale=0.0078125
)
"""What the public LPRNet checkpoint was trained with."""


def resize(image: NDArray, spec: PreprocessInfo = DEFAULT) -> Image:
    """*image* as BGR uint8 [height, width, 3], resized bilinearly where its size differs.

    One that is at least twice as fine is shrunk by a whole number first, to means of areas.

    Raises:
        FatalError: an image `as_bgr` refuses.
    """
    image = as_bgr(image)
    if image.shape[0] == spec.height and image.shape[1] == spec.width:
        return image
    # Bilinear pixels of a much larger picture would be taken from here and there, and strokes be lost.
    finer = min(image.shape[0] // spec.height, image.shape[1] // spec.width)
    if finer > 1:
        height, width = image.shape[0] // finer, image.shape[1] // finer
        whole = image[: height * finer, : width * finer]
        image = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    # Exact gives every CPU the same bytes; INTER_LINEAR is off by a grey level between x86 and ARM.
    return cv2.resize(image, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR_EXACT)


def prepare(image: NDArray, out: NDArray[np.float32], spec: PreprocessInfo = DEFAULT) -> None:
    """Write the input tensor of *image* into *out*.

    `resize`, grey where *spec* says so, (x − mean) × scale, channels first.

    Args:
        image: BGR uint8 [H, W, 3], or what `as_bgr` converts.
        out: C-contiguous float32 [1, 3, height, width], as from `aligned_empty`; overwritten.

    Raises:
        FatalError: an image `as_bgr` refuses.
    """
    mean = np.float32(spec.mean)
    crop = resize(image, spec)
    planes = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) if spec.color == "GRAY" else crop.transpose(2, 0, 1)
    np.subtract(planes, mean, out=out[0], dtype=np.float32)
    np.multiply(out, np.float32(spec.scale), out=out)
