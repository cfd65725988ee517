"""Plate-shaped pieces of photographs that show no plate: what is read on them is read wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from device_runtime.locate.decode import Floats
from lprnet.data.photographs import Photograph
from lprnet.plates.pixels import Image

NARROWEST, WIDEST = 60.0, 400.0
"""px: widths of pieces, each octave equally often."""
FLATTEST, TALLEST = 4.5, 2.0
"""Width over height of pieces; a plate's is 3.1 to 4.7, that of one with two rows 1.5 to 2."""
_BESIDE = 4.0
"""px that a piece keeps from every label."""
_TRIES = 200


@dataclass(frozen=True, kw_only=True)
class FalseReadings:
    """Of *n* pieces, those on which a text was read.

    Attributes:
        as_frames: where plates were looked for on them first.
        as_crops: where they were taken for plates, as with `lpr-run --crop`.
    """

    n: int
    as_frames: int
    as_crops: int


def pieces(photographs: Iterable[Photograph], each: int, seed: int = 0) -> Iterator[Image]:
    """*each* random pieces of every photograph, uint8[h,w,3], views of it; none meets a label.

    A photograph that labels cover gives fewer. Plates that nobody labelled may be on them.

    Raises:
        FatalError: a photograph cannot be read.
    """
    for number, photograph in enumerate(photographs):
        image, rng = photograph.read(), np.random.default_rng((seed, number))
        height, width = image.shape[:2]
        plates = (*photograph.plates, *photograph.ignored)
        boxes = np.array([plate.box for plate in plates], np.float32).reshape(-1, 4)
        made = 0
        for _ in range(_TRIES * each):
            if made == each:
                break
            w = float(np.exp(rng.uniform(np.log(NARROWEST), np.log(WIDEST))))
            h = w / rng.uniform(TALLEST, FLATTEST)
            x, y = rng.uniform(0, 1, 2) * [width - w, height - h]
            if min(x, y) >= 0 and not _meets(boxes, x, y, w, h):
                left, top = int(x), int(y)
                yield image[top : top + max(int(h), 1), left : left + max(int(w), 1)]
                made += 1


def false_readings(
    read: Callable[[Image], bool], read_crop: Callable[[Image], bool], images: Iterable[Image]
) -> FalseReadings:
    """How many of *images* give a text.

    Args:
        read: whether a plate was found and read on a frame.
        read_crop: whether a text was read on a crop.
        images: without plates.
    """
    answers = [(read(image), read_crop(image)) for image in images]
    return FalseReadings(
        n=len(answers),
        as_frames=sum(frame for frame, _ in answers),
        as_crops=sum(crop for _, crop in answers),
    )


def _meets(boxes: Floats, x: float, y: float, width: float, height: float) -> bool:
    low, high = np.array([x, y]) - _BESIDE, np.array([x + width, y + height]) + _BESIDE
    return bool(((boxes[:, :2] < high) & (boxes[:, 2:] > low)).all(1).any())
