"""Views of plates, and of what is taken for plates: what REFINE is trained on.

Each comes from a scene on which FIND has looked for plates as it does at run time. Around its best candidates
and around plates whose corners are moved at random, a view is cut from the scene, which may be finer than
FIND's input, as photographs are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from device_runtime.locate.decode import decode, intersection_over_union
from device_runtime.locate.geometry import (
    VIEW_HEIGHT,
    VIEW_WIDTH,
    cut_view,
    height_of,
    transform,
    view_matrix,
)
from lprnet.scenes.generator import Generator
from lprnet.scenes.light import take
from lprnet.scenes.scene import Floats, Image, Placed, Role, Scene

EACH = 10
"""Views of a scene."""
CANDIDATES = 4
"""Of these, at most so many are candidates of FIND."""
PROPOSING = 0.03
"""FIND's score of a candidate, at least."""
A_PLATE, NO_PLATE, CORNERS_FROM = 0.35, 0.1, 0.2
"""Intersection over union of a candidate's hull and a plate's: from the first on it is one, below the second
it is none, between them it is neither; from the third on the corners are to be found."""
SIZES = ((256, 1), (384, 2), (256, 1), (384, 2), (384, 3))
"""px of a scene, and how many times finer than FIND's input it is."""
_STREAM = 3
"""Of a seed's random numbers; 2 is the scenes'."""

Find = Callable[[Image], Floats]


@dataclass(frozen=True, eq=False)
class View:
    """One view; the attributes are those of `Views`."""

    image: Image
    corners: Floats
    known: bool
    plate: bool
    counted: bool
    two_rows: bool

    def as_scene(self) -> Scene:
        """For a sheet: the corners if they are known, a box if it is a plate or may be one."""
        if not self.plate and self.counted:
            return Scene(self.image, ())
        role = Role.CORNERS if self.known else Role.BOX if self.counted else Role.IGNORED
        return Scene(self.image, (Placed(self.corners, 1 + self.two_rows, role),))


@dataclass(frozen=True, eq=False)
class Views:
    """N views.

    Attributes:
        images: uint8[N,64,128,3] BGR.
        corners: float32[N,4,2], px of the view.
        known: bool[N], whether corners and rows are.
        plate: float32[N], 1 for a plate, 0 for none.
        counted: bool[N], whether it is known which.
        two_rows: float32[N], 1 for two rows of text, 0 for one.
    """

    images: Image
    corners: Floats
    known: NDArray[np.bool_]
    plate: Floats
    counted: NDArray[np.bool_]
    two_rows: Floats


@dataclass(frozen=True)
class ViewGenerator:
    """Views by number; the same for the same attributes.

    Attributes:
        scenes: of several sizes and finenesses, taken in turns.
        find: FIND at work, uint8[H,W,3] → float32[11,H/8,W/8].
    """

    scenes: tuple[Generator, ...]
    find: Find

    @classmethod
    def of(cls, generator: Generator, find: Find) -> ViewGenerator:
        """Views of the scenes of *generator* in all `SIZES`."""
        return cls(tuple(replace(generator, size=size, finer=finer) for size, finer in SIZES), find)

    def raw_batch(self, start: int, size: int) -> Views:
        """Views from number *start* on; both are multiples of `EACH`."""
        views = [view for i in range(start // EACH, (start + size) // EACH) for view in self.of_scene(i)]
        return Views(
            images=np.stack([view.image for view in views]),
            corners=np.stack([view.corners for view in views]),
            known=np.array([view.known for view in views]),
            plate=np.array([view.plate for view in views], np.float32),
            counted=np.array([view.counted for view in views]),
            two_rows=np.array([view.two_rows for view in views], np.float32),
        )

    def of_scene(self, number: int) -> list[View]:
        """`EACH` views of scene *number*."""
        generator = self.scenes[number % len(self.scenes)]
        rng = np.random.default_rng((generator.seed, _STREAM, number))
        scene = generator.scene(number)
        quads = self._candidates(rng, scene, generator.finer)
        # Those that FIND has missed may be found by a better one.
        plates = [plate for plate in scene.plates if plate.role == Role.CORNERS]
        while len(quads) < EACH:
            if plates and rng.random() < 0.8:
                plate = plates[int(rng.integers(len(plates)))]
                quads.append(jittered(rng, plate.corners))
            else:
                quads.append(_anywhere(rng, scene.image))
        return [view_of(rng, scene, quad) for quad in quads]

    def _candidates(self, rng: Random, scene: Scene, finer: float) -> list[Floats]:
        """FIND's best candidates on *scene*, and some others, px of the scene."""
        height, width = (round(side / finer) for side in scene.image.shape[:2])
        image = scene.image
        if finer != 1:
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        found = decode(self.find(image), PROPOSING)
        corners = found.corners * np.float32(finer)
        chosen = list(range(min(len(corners), 3)))
        if len(corners) > 3:
            chosen += rng.choice(np.arange(3, len(corners)), CANDIDATES - 3, replace=False).tolist()
        return [corners[i] for i in chosen]


def jittered(rng: Random, corners: Floats) -> Floats:
    """*corners* float32[4,2] as an inexact candidate has them."""
    strength = float(rng.choice([0.15, 0.6, 1.0, 2.2], p=[0.35, 0.3, 0.2, 0.15]))
    middle, height = corners.mean(0), height_of(corners)

    def far(sigma: float, most: float) -> float:
        return float(np.clip(rng.normal(0, sigma * strength), -most, most))

    angle = np.radians(far(3.5, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    along = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    along = along / max(float(np.linalg.norm(along)), 1e-3)
    axes = np.stack([along, [-along[1], along[0]]])
    scale = np.exp(far(0.09, 0.3)) * np.exp([far(0.05, 0.2), far(0.07, 0.25)])
    moved = (((corners - middle) @ axes.T) * scale) @ axes @ turn.T
    noise = rng.normal(0, 0.04 * strength, (4, 2)).clip(-0.25, 0.25) * height
    shift = np.array([far(0.14, 0.4), far(0.14, 0.4)]) * height
    return np.asarray(middle + moved + noise + shift, np.float32)


def _anywhere(rng: Random, image: Image) -> Floats:
    """A quadrilateral of a plate's size anywhere."""
    height, width = image.shape[:2]
    across = np.exp(rng.uniform(np.log(0.06 * width), np.log(0.6 * width)))
    half = np.array([across, across / rng.uniform(1.4, 5)]) / 2
    middle = rng.uniform(half * 0.6, [width, height] - half * 0.6)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return jittered(rng, np.asarray(middle + half * square, np.float32))


def view_of(rng: Random, scene: Scene, quad: Floats) -> View:
    """The view of the candidate *quad* float32[4,2] in *scene*, and what is to be said about it."""
    matrix = view_matrix(quad)
    image = cut_view(scene.image, matrix)
    plate, overlap = _met(scene.plates, quad)
    image = _worse(rng, image)
    if plate is None:
        return _no_plate(image)
    doubtful = any(p.role == Role.IGNORED and _overlap(p, quad) > NO_PLATE / 2 for p in scene.plates)
    corners = transform(plate.corners, np.asarray(np.linalg.inv(matrix), np.float64))
    inside = bool(np.all(corners > -1) and np.all(corners < [VIEW_WIDTH + 1, VIEW_HEIGHT + 1]))
    return View(
        image=image,
        corners=corners,
        known=plate.role == Role.CORNERS and overlap >= CORNERS_FROM and inside,
        plate=overlap >= A_PLATE,
        counted=not doubtful and (overlap >= A_PLATE or overlap < NO_PLATE),
        two_rows=plate.rows == 2,
    )


def _no_plate(image: Image) -> View:
    return View(image, np.zeros((4, 2), np.float32), False, False, True, False)


def _met(plates: tuple[Placed, ...], quad: Floats) -> tuple[Placed | None, float]:
    """The plate that *quad* overlaps most, and how much."""
    overlaps = [_overlap(plate, quad) for plate in plates]
    if not overlaps or max(overlaps) <= 0:
        return None, 0.0
    best = int(np.argmax(overlaps))
    return plates[best], overlaps[best]


def _overlap(plate: Placed, quad: Floats) -> float:
    boxes = [np.concatenate([c.min(0), c.max(0)])[None] for c in (plate.corners, quad)]
    return float(intersection_over_union(*boxes)[0, 0])


def _worse(rng: Random, view: Image) -> Image:
    """*view* as of a plate that is small in the frame, or of a bad camera, now and then."""
    if rng.random() < 0.25:
        coarser = np.exp(rng.uniform(np.log(0.18), 0))
        size = max(round(VIEW_WIDTH * coarser), 4), max(round(VIEW_HEIGHT * coarser), 4)
        small = np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_AREA), np.uint8)
        if rng.random() < 0.5:
            small = take(rng, small, 0.7)
        method = cv2.INTER_LINEAR if rng.random() < 0.8 else cv2.INTER_CUBIC
        view = np.asarray(cv2.resize(small, (VIEW_WIDTH, VIEW_HEIGHT), interpolation=method), np.uint8)
    elif rng.random() < 0.3:
        view = take(rng, view, 0.7)
    return view
