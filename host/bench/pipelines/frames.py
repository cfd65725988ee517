"""Frames of a camera with one plate each, made of labelled photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.sources.image import Image
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.scenes.pictures import plate_of
from lprnet.scenes.street import draw_street

WIDTH, HEIGHT = 1920, 1080
"""px of a frame."""
GREY = 114
"""What is beside a photograph of another shape, on all channels."""
UNSEEN, _STREAM = 1 << 20, 5
"""Seed and stream of rendered frames; nothing is trained on them."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames and what is on them.

    Attributes:
        name: of the photographs they were made of.
        images: uint8[N,`HEIGHT`,`WIDTH`,3] BGR.
        photographs: one a frame, its plate in the frame's pixels.
    """

    name: str
    images: NDArray[np.uint8]
    photographs: tuple[Photograph, ...]


def frames(name: str, photographs: Sequence[Photograph], most: int) -> Frames:
    """The first *most* of *photographs* that have one labelled plate with a known text, as frames.

    Raises:
        FatalError: there is no such photograph, or one cannot be read.
    """
    usable = [p for p in photographs if len(p.plates) == 1 and p.plates[0].text][:most]
    if not usable:
        raise FatalError(name, "has no photograph with one plate and its text", "give labelled photographs")
    images, labels = [], []
    for photograph in usable:
        image, placed = _framed(photograph)
        images.append(image)
        labels.append(placed)
    return Frames(name, np.stack(images), tuple(labels))


def rendered(count: int) -> Frames:
    """*count* drawn streets with one Chinese plate each, a blue or a green one, as peers read them."""
    images, photographs = [], []
    for number in range(count):
        rng = np.random.default_rng((UNSEEN, _STREAM, number))
        face = plate_of(rng, ("blue", "green-small")[number % 2])
        scene = draw_street(rng, (WIDTH, HEIGHT), [face])
        (plate,) = scene.plates
        (left, top), (right, bottom) = plate.corners.min(0).tolist(), plate.corners.max(0).tolist()
        label = LabelledPlate((left, top, right, bottom), plate.corners, plate.text)
        images.append(scene.image)
        photographs.append(Photograph(path=Path(f"rendered {number}"), plates=(label,), image=scene.image))
    return Frames("rendered", np.stack(images), tuple(photographs))


def _framed(photograph: Photograph) -> tuple[Image, Photograph]:
    """The photograph in the middle of a frame, as large as it fits."""
    image = photograph.read()
    height, width = image.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = min(round(width * scale), WIDTH), min(round(height * scale), HEIGHT)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    x, y = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    frame = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    frame[y : y + size[1], x : x + size[0]] = cv2.resize(image, size, interpolation=method)
    plates = []
    for plate in photograph.plates:
        left, top, right, bottom = plate.box
        box = (left * scale + x, top * scale + y, right * scale + x, bottom * scale + y)
        corners = None
        if plate.corners is not None:
            corners = np.asarray(plate.corners * scale + [x, y], np.float32)
        plates.append(replace(plate, box=box, corners=corners))
    return frame, replace(photograph, plates=tuple(plates), image=frame)
