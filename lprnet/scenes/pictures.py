"""Labelled street pictures as files: JPEG, and `labels.jsonl` as `lprnet.data.photographs` reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.random import Generator

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from lprnet.data.photographs import LABELS
from lprnet.plates.kinds import KINDS, MIXES
from lprnet.scenes.face import Face, stacked
from lprnet.scenes.scene import Floats, Placed, Scene, floats
from lprnet.scenes.stock import rendered
from lprnet.scenes.street import draw_street
from lprnet.scenes.world import DESIGNS, random_world_plate

COMMON = ("blue", "green-small", "yellow", "yellow-double")
"""Kinds that stand on most Chinese streets."""
MOST = 3
"""Plates in a picture at most."""
QUALITY = 92
"""Of the JPEG files."""
_STREAM = 4
"""Of a seed's random numbers; `generator` has those below."""


@dataclass(frozen=True, eq=False)
class Request:
    """Street pictures, by number; the same for the same attributes.

    Attributes:
        seed: of all random choices.
        size: width and height, px.
        kinds: of rendered plates: names of `KINDS`, `MIXES` and `world.DESIGNS`, each as often as the others.
        crops: real plates, each on one picture in turn in place of rendered ones; may be empty.
        turn: degrees by which the camera is turned, so that plates stand clockwise; None for a little of all.
    """

    seed: int
    size: tuple[int, int] = (1280, 720)
    kinds: tuple[str, ...] = COMMON
    crops: tuple[Face, ...] = ()
    turn: float | None = None

    def picture(self, number: int) -> Scene:
        """Picture *number*: one to `MOST` rendered plates, the largest first, or one crop."""
        rng = np.random.default_rng((self.seed, _STREAM, number))
        if self.crops:
            crop = self.crops[number % len(self.crops)]
            return draw_street(rng, self.size, [crop], self.turn, plain=True)
        count = 1 + int(rng.integers(MOST))
        # In turn, so that a few pictures show every kind.
        names = [self.kinds[(number + k) % len(self.kinds)] for k in range(count)]
        return draw_street(rng, self.size, [plate_of(rng, name) for name in names], self.turn)


def known_kinds() -> tuple[str, ...]:
    """What `Request.kinds` may name."""
    return (*MIXES, *KINDS, *(design.name for design in DESIGNS))


def plate_of(rng: Generator, kind: str) -> Face:
    """A rendered plate of one of `known_kinds`.

    Raises:
        KeyError: no such kind.
    """
    if kind in KINDS or kind in MIXES:
        return rendered(rng, kind)
    return random_world_plate(rng, {design.name: design for design in DESIGNS}[kind])


def read_crops(folder: Path, stack: float | None = None) -> tuple[Face, ...]:
    """The plates of *folder*, named by their text; with *stack* as `stacked`.

    Raises:
        FatalError: no pictures in it, one that cannot be read, or one without a text.
    """
    if not folder.is_dir():
        raise FatalError(str(folder), "no such folder", "give a folder of crops named by their text")
    faces = []
    for path in image_files([folder]):
        image, text = read_image(path), label_of(path)
        if not text:
            raise FatalError(str(path), "its name holds no text", "name crops by what they read")
        if min(image.shape[:2]) < 8:
            raise FatalError(str(path), "smaller than 8 pixels", "give crops that can be read")
        faces.append(Face(image, 1, text) if stack is None else Face(stacked(image, stack), 2, text))
    return tuple(faces)


def label(name: str, scene: Scene) -> bytes:
    """The line of `labels.jsonl` of a picture called *name*, without its end.

    It holds `file`, `width`, `height` and `plates`, the first of which is the picture's largest; of each
    plate `text`, `kind`, `rows`, its `box` (left, top, width, height) and its `corners` (from the top left
    clockwise), in pixels.
    """
    height, width = scene.image.shape[:2]
    plates = [_plate(plate) for plate in scene.plates]
    return msgspec.json.encode({"file": name, "width": width, "height": height, "plates": plates})


def _plate(plate: Placed) -> dict[str, object]:
    low, high = plate.corners.min(0), plate.corners.max(0)
    return {
        "text": plate.text,
        "kind": plate.kind,
        "rows": plate.rows,
        "box": _rounded(floats([*low, *(high - low)])),
        "corners": [_rounded(corner) for corner in plate.corners],
    }


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]


def write_pictures(folder: Path, request: Request, count: int) -> Iterator[Path]:
    """Write pictures 0 to *count* - 1 and, last, their labels into *folder*; gives each file once written.

    Raises:
        FatalError: the folder cannot be made or written.
    """
    lines = []
    for number in range(count):
        scene, name = request.picture(number), f"{number:05d}.jpg"
        _, code = cv2.imencode(".jpg", scene.image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        write_atomic(folder / name, code.tobytes())
        lines.append(label(name, scene) + b"\n")
        yield folder / name
    write_atomic(folder / LABELS, b"".join(lines))
