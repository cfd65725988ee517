"""Events to a host."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import msgspec

from device_runtime.delivery.outbox import Outbox
from device_runtime.follow.event import Passage
from device_runtime.sinks.crops import crop_of
from device_runtime.sinks.pictures import QUALITY
from device_runtime.sinks.sink import Sink
from device_runtime.sources.image import Image

CROP_PX = 320
"""Pictures are shrunk to this width or height: some 10 KiB, a second on a serial line."""


class Sent(Sink):
    """Hands events over for delivery. Whoever opened the outbox closes it.

    Args:
        outbox: where to.
        crops: with a picture of the plate, if there is one: a JPEG in base64, as the event's field `crop`.
    """

    def __init__(self, outbox: Outbox, *, crops: bool = False) -> None:
        self._outbox, self._crops = outbox, crops

    def tell(self, passage: Passage) -> None:
        crop = crop_of(passage) if self._crops else None
        self._outbox.put("event", passage.event if crop is None else _pictured(passage, crop))


def _pictured(passage: Passage, crop: Image) -> dict[str, Any]:
    scale = CROP_PX / max(crop.shape[:2])
    if scale < 1:
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, code = cv2.imencode(".jpg", crop, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return {**msgspec.to_builtins(passage.event), "crop": base64.b64encode(code.tobytes()).decode()}
