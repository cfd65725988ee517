"""The part of a frame that is read."""

from __future__ import annotations

from device_runtime.errors import FatalError
from device_runtime.sources.image import Image

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


def crop(image: Image, region: Region) -> Image:
    """The part of *image* in *region*, a view of it.

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
