"""Real frames as backgrounds: their plates painted over, or replaced by rendered ones in place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from device_runtime.errors import FatalError
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from lprnet.data.photographs import Photograph, read_photographs
from lprnet.scenes.scene import Floats, Image

LONGEST = 960
"""px: pictures are kept no larger, whatever their files are."""


def no_boxes() -> Floats:
    """float32[0,4]."""
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture whose plates are boxed.

    Attributes:
        image: uint8[H,W,3] BGR.
        boxes: float32[N,4], left, top, right, bottom in pixels.
        doubtful: float32[M,4], what may be plates without a label: neither to be found nor not to be found.
    """

    image: Image
    boxes: Floats
    doubtful: Floats = field(default_factory=no_boxes)


def split_by_ride(
    photographs: Sequence[Photograph], held_out: Collection[str]
) -> tuple[list[Photograph], list[Photograph]]:
    """*photographs* of other rides, and those of the rides in *held_out*.

    Raises:
        FatalError: there is no such ride.
    """
    rides = {photograph.ride for photograph in photographs}
    if missing := set(held_out) - rides:
        known = ", ".join(sorted(rides))
        raise FatalError(f"ride {min(missing)}", "is not in the frames", f"hold out one of {known}")
    kept = [p for p in photographs if p.ride not in held_out]
    return kept, [p for p in photographs if p.ride in held_out]


def read_frames(folder: Path, held_out: Collection[str] = ()) -> tuple[Frame, ...]:
    """The frames of *folder* (see `read_photographs`), without those of the rides in *held_out*.

    Raises:
        FatalError: the folder, its labels or a picture cannot be read, or there is no such ride.
    """
    kept, _ = split_by_ride(read_photographs(folder), held_out)
    frames = []
    for photograph in kept:
        image = photograph.read()
        small = _shrunk(image)
        boxes = np.array([plate.box for plate in photograph.plates], np.float32).reshape(-1, 4)
        frames.append(Frame(small, boxes * (small.shape[1] / image.shape[1])))
    return tuple(frames)


def read_pictures(folder: Path) -> tuple[Image, ...]:
    """The pictures of *folder*, which must show no plates.

    Raises:
        FatalError: no pictures in it, or one that cannot be read.
    """
    return tuple(_shrunk(read_image(path)) for path in image_files([folder]))


def _shrunk(image: Image) -> Image:
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def paint_over(rng: Generator, image: Image, box: Floats) -> None:
    """Remove the plate in *box* (left, top, right, bottom): continue what is around it, in place.

    A fill between the four sides' colours (a Coons patch), blurred at its rim, with the grain of the picture.
    """
    height, width = image.shape[:2]
    margin = 0.12 * (box[3] - box[1]) + 1.5
    left, top = (max(int(v - margin), 1) for v in box[:2])
    right, bottom = min(int(box[2] + margin) + 1, width - 1), min(int(box[3] + margin) + 1, height - 1)
    if right - left < 2 or bottom - top < 2:
        return
    w, h = right - left, bottom - top

    def side(strip: Image, axis: int) -> Floats:
        """The colours along a side, smoothed so that no stripe runs through the plate."""
        mean = strip.mean(axis, dtype=np.float32).reshape(1, -1, 3)
        return np.asarray(cv2.blur(mean, (2 * max(mean.shape[1] // 6, 1) + 1, 1)), np.float32)[0]

    upper, lower = (
        side(image[max(top - 3, 0) : top, left:right], 0),
        side(image[bottom : bottom + 3, left:right], 0),
    )
    before, after = (
        side(image[top:bottom, max(left - 3, 0) : left], 1),
        side(image[top:bottom, right : right + 3], 1),
    )
    u = np.linspace(0, 1, w, dtype=np.float32)[None, :, None]
    v = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    across = before[:, None] * (1 - u) + after[:, None] * u
    down = upper[None] * (1 - v) + lower[None] * v
    # Nearer sides count more.
    weight = np.minimum(u, 1 - u) * w / (np.minimum(u, 1 - u) * w + np.minimum(v, 1 - v) * h + 1e-3)
    patch = across * (1 - weight) + down * weight
    patch += rng.normal(0, rng.uniform(1, 5), (h, w, 1)).astype(np.float32)
    image[top:bottom, left:right] = np.clip(patch, 0, 255)
    rim = image[top - 1 : bottom + 1, left - 1 : right + 1]
    rim[:] = cv2.blur(rim, (3, 3))


def recolour(rng: Generator, image: Image) -> Image:
    """*image* with its cast taken off and another put on: cameras of one ride all look alike."""
    means = np.maximum(image[::4, ::4].mean((0, 1), dtype=np.float64), 1)
    gains = (means.mean() / means) ** rng.uniform(0.4, 1.1) * np.exp(rng.normal(0, 0.08, 3))
    matrix = np.diag(gains)
    if rng.random() < 0.3:
        matrix = matrix[rng.permutation(3)]
    grey = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0
    matrix = (1 - grey) * matrix + grey * np.tile(matrix.sum(0) / 3, (3, 1))
    return np.asarray(cv2.transform(image, matrix.astype(np.float32)), np.uint8)
