"""Plates of events, cut out."""

from __future__ import annotations

import cv2
import numpy as np

from device_runtime.follow.event import Passage
from device_runtime.sinks.folder import BoundedFolder
from device_runtime.sinks.pictures import QUALITY, name_of
from device_runtime.sinks.sink import Sink
from device_runtime.sources.image import Image

MARGIN = 0.5
"""In plate heights: what is kept around a plate."""


class Crops(Sink):
    """Saves each new passage's plate, as the best frame shows it, as JPEG."""

    def __init__(self, folder: BoundedFolder) -> None:
        self._folder = folder

    def tell(self, passage: Passage) -> None:
        """Save the plate of *passage* if there is a picture of it.

        Raises:
            FatalError: it cannot be written.
        """
        crop = crop_of(passage)
        if crop is not None:
            _, code = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
            self._folder.save(f"{name_of(passage.event)}.jpg", code.tobytes())


def crop_of(passage: Passage) -> Image | None:
    """The plate and a little around it, as in the best frame, or else as it was read; None without either."""
    if passage.frame is None or passage.event.corners is None:
        return passage.crop
    corners = np.array(passage.event.corners)
    low, high = corners.min(0), corners.max(0)
    margin = MARGIN * (high[1] - low[1])
    (left, top), (right, bottom) = np.maximum(low - margin, 0).astype(int), (high + margin + 1).astype(int)
    crop = passage.frame[top:bottom, left:right]
    return crop if crop.size else passage.crop
