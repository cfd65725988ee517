"""The part of a frame that is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError

Region = tuple[int, int, int, int]


def crop(image: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """The part of *image* in *region* = (x, y, width, height).

    Raises:
        FatalError: the region is not within the image.
    """
    x, y, width, height = region
    if x + width > image.shape[1] or y + height > image.shape[0]:
        raise FatalError(
            f"--roi {x},{y},{width},{height}",
            f"is not within the frame of {image.shape[1]}×{image.shape[0]}",
            "choose a smaller region",
        )
    return image[y : y + height, x : x + width]
