"""Rendered drives: short videos of cars that come along a street or go away on it.

Street, cars, plates and light stay what they are; from frame to frame the cars move, the camera trembles, and
focus, noise and compression differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.random import Generator

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.data.photographs import LABELS
from lprnet.scenes.car import draw_car
from lprnet.scenes.face import Face
from lprnet.scenes.light import take
from lprnet.scenes.pictures import COMMON, plate_of
from lprnet.scenes.placing import turned
from lprnet.scenes.scene import Floats, Image, Placed, Scene, floats
from lprnet.scenes.street import (
    PLATE_HEIGHT,
    UNIT,
    View,
    darken,
    put_plate,
    random_view,
    scenery,
)

FPS = 12.0
SECONDS = (2.5, 4.0)
"""How long a drive takes."""
FAR, NEAR = (0.045, 0.07), (0.13, 0.2)
"""Widths of a plate at the far and at the near end, in shares of the width of the picture."""
TREMBLE = 0.6
"""px: how far a frame is off, σ."""
_STREAM = 7
"""Of a seed's random numbers; `pictures` and others have those below."""


@dataclass(frozen=True, eq=False)
class Car:
    """A car on its way.

    Attributes:
        face: its plate.
        seed: of what it looks like.
        lane: m to the right of the camera's axis.
        first, last: m, how far away it is at the beginning and at the end.
        tilt: pitch, yaw and roll of the plate, degrees.
        size: width of the plate, units of `car`.
    """

    face: Face
    seed: int
    lane: float
    first: float
    last: float
    tilt: tuple[float, float, float]
    size: float

    def corners(self, view: View, focal: float, share: float) -> Floats:
        """Of its plate when *share* of its way is done: float32[4,2], px; *focal* in px."""
        scale = focal / (self.first + (self.last - self.first) * share)
        across = scale * UNIT * self.size
        height, width = self.face.image.shape[:2]
        return floats(
            turned(across, across * height / width, self.tilt, 12) + view.at(self.lane, scale, PLATE_HEIGHT)
        )


@dataclass(frozen=True, eq=False)
class Drive:
    """One or two cars on a street.

    Attributes:
        seed: of frames; a frame is the same for the same attributes.
        size: width and height, px.
        view: where the camera stands.
        street: what is behind the cars, uint8[H,W,3].
        cars: the plates of all of them are seen at some time.
        frames: how many.
    """

    seed: tuple[int, ...]
    size: tuple[int, int]
    view: View
    street: Image
    cars: tuple[Car, ...]
    frames: int

    def frame(self, number: int) -> Scene:
        """Frame *number*, and where plates are in it."""
        rng = np.random.default_rng((*self.seed, number))
        view = replace(
            self.view,
            vanishing=self.view.vanishing + float(rng.normal(0, TREMBLE)),
            horizon=self.view.horizon + float(rng.normal(0, TREMBLE)),
        )
        canvas = self.street.copy()
        share = number / max(self.frames - 1, 1)
        focal = self.size[0] / UNIT
        places = [(car, car.corners(view, focal, share)) for car in self.cars]
        places.sort(key=lambda one: float(np.ptp(one[1][:, 0])))
        for car, corners in places:
            # The same numbers for each frame, so that it stays the same car.
            draw_car(np.random.default_rng(car.seed), canvas, corners, size=car.size)
        if view.light < 1:
            darken(np.random.default_rng(self.seed), canvas, view)
        plates = []
        for car, corners in places:
            put_plate(np.random.default_rng(car.seed), canvas, car.face.image, corners, view.light, False)
            if np.all(corners > 0) and np.all(corners < floats(self.size)):
                plates.append(Placed(corners, car.face.rows, text=car.face.text, kind=car.face.kind))
        # What the camera is like, then what happens to this frame.
        image = take(np.random.default_rng((*self.seed, self.frames)), canvas, 0.15)
        return Scene(take(rng, image, 0.5), tuple(plates))


def random_drive(seed: int, number: int, size: tuple[int, int], kinds: Sequence[str] = COMMON) -> Drive:
    """Drive *number*; every third one has a second car that goes the other way."""
    rng = np.random.default_rng((seed, _STREAM, number))
    width, height = size
    view = random_view(rng, width, height)
    side = float(rng.choice([-1, 1]))
    cars = [_car(rng, plate_of(rng, kinds[number % len(kinds)]), side)]
    if number % 3 == 2:
        cars.append(_car(rng, plate_of(rng, kinds[(number + 1) % len(kinds)]), -side))
    return Drive(
        seed=(seed, _STREAM, number),
        size=size,
        view=view,
        street=scenery(rng, view, width, height),
        cars=tuple(cars),
        frames=round(FPS * rng.uniform(*SECONDS)),
    )


def _car(rng: Generator, face: Face, side: float) -> Car:
    wide = 0.9
    # With a focal length of the picture's width over `UNIT`, a plate is as wide as its share at 1 / share.
    far, near = (wide / float(rng.uniform(*shares)) for shares in (FAR, NEAR))
    first, last = (far, near) if rng.random() < 0.7 else (near, far)
    tilt = float(rng.normal(2, 3)), float(rng.normal(0, 8)), float(rng.normal(0, 2))
    return Car(
        face, int(rng.integers(1 << 31)), side * float(rng.uniform(0.95, 1.3)), first, last, tilt, wide
    )


def write_drives(
    folder: Path, seed: int, size: tuple[int, int], count: int, kinds: Sequence[str] = COMMON
) -> Iterator[Path]:
    """Write drives 0 to *count* - 1 as Motion JPEG and, last, `labels.jsonl`; gives each file once written.

    A line of it holds `file`, `width`, `height`, `frames`, `fps` and `plates`, each with `text` and `kind`.

    Raises:
        FatalError: the folder cannot be made or written.
    """
    lines = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(str(folder), f"cannot be made ({error.strerror})", "name another folder") from None
    for number in range(count):
        drive, path = random_drive(seed, number, size, kinds), folder / f"{number:05d}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, size)
        if not writer.isOpened():
            raise FatalError(str(path), "cannot be written", "free space or name another folder")
        for frame in range(drive.frames):
            writer.write(drive.frame(frame).image)
        writer.release()
        plates = [{"text": car.face.text, "kind": car.face.kind} for car in drive.cars]
        about = {"file": path.name, "width": size[0], "height": size[1], "frames": drive.frames, "fps": FPS}
        lines.append(msgspec.json.encode(about | {"plates": plates}) + b"\n")
        yield path
    write_atomic(folder / LABELS, b"".join(lines))
