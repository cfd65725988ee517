"""Numbered scenes: what the locator is trained on. A scene stands for a part of a frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.random import Generator as Random

from device_runtime.locate.geometry import GREY
from lprnet.scenes.backdrop import draw_backdrop
from lprnet.scenes.car import SMALL, draw_car, glow
from lprnet.scenes.distractors import clock, distract
from lprnet.scenes.face import Face
from lprnet.scenes.frames import Frame, no_boxes, paint_over, recolour
from lprnet.scenes.light import bent, light_plate, take
from lprnet.scenes.placing import stamp, tilted
from lprnet.scenes.scene import (
    Batch,
    Floats,
    Image,
    Placed,
    Role,
    Scene,
    floats,
    height_of,
    role_of,
    width_of,
)
from lprnet.scenes.stock import Stock
from lprnet.scenes.street import STREETS, empty_street

SMALLEST, LARGEST = 12.0, 200.0
"""px: widths of plates in a scene."""
IGNORED_BELOW = 11.0
"""px: a plate that comes out narrower than this is neither to be found nor not to be found."""

_SCENES = 2
"""Stream of a seed's random numbers; 1 is `Stock`'s."""


@dataclass
class _Ground:
    """A background in the making.

    Attributes:
        canvas: uint8[H,W,3].
        places: centres and widths of plates that were painted over.
        kept: real plates that are still there.
        drawn: whether it is drawn, so that a car may be drawn onto it.
    """

    canvas: Image
    places: list[tuple[Floats, float]]
    kept: list[Placed]
    drawn: bool


@dataclass(frozen=True)
class Generator:
    """Scenes by number; the same for the same attributes.

    Attributes:
        seed: of all random choices.
        size: width and height of a scene, px, a multiple of 32.
        stock: plates to put into them.
        frames: real frames whose plates are boxed, for backgrounds; may be empty.
        pictures: pictures without plates, uint8[H,W,3], for backgrounds; may be empty.
        found: patches that a network took for plates (`training.locator_mining`), twice as wide as that.
        framed: share of scenes on frames, where there are any.
        finer: pixels of a scene a pixel of the first look's input; 1 to train on, more for whole photographs.
    """

    seed: int
    size: int = 256
    stock: Stock = field(default_factory=lambda: Stock(0))
    frames: tuple[Frame, ...] = ()
    pictures: tuple[Image, ...] = ()
    found: tuple[Image, ...] = ()
    framed: float = 0.6
    finer: float = 1.0

    def scene(self, number: int) -> Scene:
        """Scene *number*, `size` × `size` pixels."""
        rng = np.random.default_rng((self.seed, _SCENES, number))
        ground = self._scene_ground(rng)
        # As a frame does not fill the network's input, one side may stay grey.
        room = [self.size, self.size]
        if rng.random() < 0.2:
            room[int(rng.integers(2))] -= int(rng.integers(1, self.size // 4))
        width, height = room
        smallest = IGNORED_BELOW * self.finer
        canvas, plates = ground.canvas, _inside(ground.kept, width, height, smallest)
        wanted: list[tuple[Face, Floats]] = []
        for center, across in ground.places:
            across *= float(np.exp(rng.normal(0, 0.15)))
            face = self.stock.random_face(rng, across)
            wanted.append((face, _corners(rng, face, across) + center))
        if not (ground.places or ground.kept) or rng.random() < 0.25:
            for _ in range(int(rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.45, 0.27, 0.12, 0.06]))):
                across = self._width(rng)
                face = self.stock.random_face(rng, across)
                if _is_short(face) and rng.random() < 0.3:
                    # Short plates are the hardest to find when they are small.
                    across = self.finer * rng.uniform(SMALLEST, 22)
                corners = _corners(rng, face, across)
                corners += _somewhere(rng, corners, width, height)
                if not _meets(corners, [c for _, c in wanted] + [p.corners for p in plates]):
                    wanted.append((face, corners))
        if ground.drawn:
            for _, corners in wanted:
                if rng.random() < 0.7:
                    draw_car(rng, canvas, corners)
        if rng.random() < 0.62:
            scatter(rng, canvas, [p.corners for p in plates], [c for _, c in wanted], self.found)
        if rng.random() < 0.2 and not plates:
            clock(rng, canvas)
        for face, corners in wanted:
            _put(rng, canvas, face, corners)
            plates += _inside([placed(face, corners)], width, height, smallest)
        image = take(rng, canvas)
        image[height:], image[:, width:] = GREY, GREY
        return Scene(image, tuple(plates))

    def raw_batch(self, start: int, size: int) -> Batch:
        """Scenes from number *start* on."""
        return Batch.of([self.scene(i) for i in range(start, start + size)])

    def _width(self, rng: Random) -> float:
        return self.finer * _random_width(rng, 0.78 * self.size / self.finer)

    def _scene_ground(self, rng: Random) -> _Ground:
        choice = rng.random() if self.frames else 1.0
        if choice < self.framed:
            frame = self.frames[int(rng.integers(len(self.frames)))]
            width, center = self._width(rng), None
            zoom = self.finer * rng.uniform(0.4, 1.2)
            share = choice / self.framed
            if len(frame.boxes) and share < 0.78:
                box = frame.boxes[int(rng.integers(len(frame.boxes)))]
                zoom = float(np.clip(width / (box[2] - box[0]), 0.3 * self.finer, 3 * self.finer))
                center = (box[:2] + box[2:]) / 2
            what = "replaced" if share < 0.6 else "real" if share < 0.78 else "painted"
            return _on_frame(rng, frame, self.size, self.size, zoom, center, what)
        return _Ground(self._plain(rng, self.size, self.size), [], [], True)

    def _plain(self, rng: Random, width: int, height: int) -> Image:
        """A background without plates: a part of a picture, or drawn."""
        if self.pictures and rng.random() < 0.6:
            picture = self.pictures[int(rng.integers(len(self.pictures)))]
            frame = Frame(picture, no_boxes())
            return _on_frame(rng, frame, width, height, rng.uniform(0.3, 1.5), None, "painted").canvas
        if rng.random() < 0.35:
            frame = Frame(empty_street(int(rng.integers(STREETS))), no_boxes())
            return _on_frame(rng, frame, width, height, rng.uniform(0.5, 2), None, "painted").canvas
        return draw_backdrop(rng, height, width)


def placed(face: Face, corners: Floats) -> Placed:
    """*face* at *corners* float32[4,2] of a picture."""
    return Placed(corners, face.rows, text=face.text, kind=face.kind)


def _inside(plates: list[Placed], width: int, height: int, smallest: float = IGNORED_BELOW) -> list[Placed]:
    """*plates* that *width* × *height* pixels show; cut or narrower than *smallest*: `Role.IGNORED`."""
    roles = [role_of(plate.corners, width, height, smallest) for plate in plates]
    return [
        plate if role == Role.CORNERS else replace(plate, role=role)
        for plate, role in zip(plates, roles, strict=True)
        if role is not None
    ]


def _is_short(face: Face) -> bool:
    """Whether a plate is about half as high as wide, as in America, or higher."""
    return face.image.shape[1] < 2.6 * face.image.shape[0]


def _random_width(rng: Random, most: float) -> float:
    """Of a plate in a scene, px: equally often in every octave, and more often small."""
    if rng.random() < 0.6:
        return float(np.exp(rng.uniform(np.log(SMALLEST), np.log(min(LARGEST, most)))))
    return float(rng.uniform(13, 60))


def _corners(rng: Random, face: Face, width: float) -> Floats:
    """Of *face*, *width* pixels wide, around (0, 0)."""
    height, across = face.image.shape[:2]
    return tilted(rng, width, width * height / across * rng.uniform(0.9, 1.1))


def _somewhere(rng: Random, corners: Floats, width: int, height: int) -> Floats:
    """Where to move *corners* (around (0, 0)): one plate in twelve may be cut by the edge."""
    room = np.array([width, height], np.float32)
    reach = np.abs(corners).max(0) * (0.3 if rng.random() < 1 / 12 else 1.05)
    reach = np.minimum(reach, room / 2)
    return rng.uniform(reach, room - reach).astype(np.float32)


def _meets(corners: Floats, others: list[Floats]) -> bool:
    """Whether the hull of *corners*, and a little more, overlaps one of *others*."""
    low, high = corners.min(0) - 4, corners.max(0) + 4
    return any(bool(np.all(low < other.max(0)) and np.all(other.min(0) < high)) for other in others)


def _put(rng: Random, canvas: Image, face: Face, corners: Floats) -> None:
    """Draw the plate, in its own light, perhaps in a holder and partly hidden, in place."""
    image, border = light_plate(rng, face.image), 0
    if rng.random() < 0.07:
        image = bent(rng, image)
    if rng.random() < 0.45:
        border = max(round(face.image.shape[0] * rng.uniform(0.02, 0.13)), 1)
        dark = float(rng.uniform(0, 90) if rng.random() < 0.8 else rng.uniform(90, 255))
        image = cv2.copyMakeBorder(
            image, border, border, border, border, cv2.BORDER_CONSTANT, value=(dark, dark, dark)
        )
    if rng.random() < 0.2:
        _shade(rng, canvas, corners)
    stamp(canvas, np.asarray(image, np.uint8), corners, border)
    if rng.random() < (0.15 if _is_short(face) else 0.06):
        _hide(rng, canvas, corners)
    if rng.random() < 0.06:
        _dazzle(rng, canvas, corners)


def _shade(rng: Random, canvas: Image, corners: Floats) -> None:
    """The shadow of a plate on what is behind it, in place."""
    reach = rng.uniform(0.03, 0.2) * height_of(corners)
    away = floats([rng.normal(0, 0.5), 1]) * np.float32(reach)
    dark, cover = np.zeros((8, 16, 3), np.uint8), np.full((8, 16), rng.uniform(60, 190), np.uint8)
    stamp(canvas, dark, corners + away, cover=cover)


def _dazzle(rng: Random, canvas: Image, corners: Floats) -> None:
    """The lamps of the plate's car, so bright that their light lies over everything, in place."""
    across = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    width = float(np.linalg.norm(across))
    color = floats(((255, 250, 240), (120, 90, 255), (200, 230, 255))[int(rng.integers(3))])
    color = color * np.float32(rng.uniform(0.6, 1.6))
    reach, rise, radius = rng.uniform(0.9, 1.7), rng.uniform(-0.5, 0.8), width * rng.uniform(0.5, 2)
    for side in (-reach, reach) if rng.random() < 0.8 else (reach,):
        center = corners.mean(0) + across * np.float32(side) - floats([0, rise * width])
        glow(canvas, center, radius, color)
        glow(canvas, center, radius * 0.3, color)


def _hide(rng: Random, canvas: Image, corners: Floats) -> None:
    """A chain, a bar or a tow ball in front of the plate, in place."""
    size = np.ptp(corners, axis=0)
    color = tuple(map(float, np.clip(rng.uniform(0, 200) + rng.normal(0, 15, 3), 0, 255)))
    if rng.random() < 0.5:
        ends = corners[[0, 1]] + (corners[[3, 2]] - corners[[0, 1]]) * rng.uniform(0, 1.1, (2, 1))
        start, end = (tuple(int(v) for v in p) for p in ends)
        cv2.line(
            canvas, start, end, color, max(round(float(size[1]) * rng.uniform(0.05, 0.15)), 1), cv2.LINE_AA
        )
    else:
        along = corners[3] + (corners[2] - corners[3]) * np.float32(rng.uniform(0.2, 0.8))
        center = (round(float(along[0])), round(float(along[1])))
        cv2.circle(
            canvas, center, max(round(float(size[1]) * rng.uniform(0.15, 0.3)), 1), color, -1, cv2.LINE_AA
        )


def _around(corners: Floats) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a plate with a small margin, px; none of them negative."""
    low, high = corners.min(0), corners.max(0)
    margin = 0.12 * (high[1] - low[1]) + 1
    left, top = (max(int(v - margin), 0) for v in low)
    right, bottom = (max(int(v + margin) + 1, 0) for v in high)
    return top, bottom, left, right


def scatter(
    rng: Random,
    canvas: Image,
    kept: list[Floats],
    wanted: list[Floats],
    found: tuple[Image, ...],
    most: int = 5,
) -> None:
    """One to *most* distractors, in place: not on plates that are *kept*, and often beside those to come."""
    height, width = canvas.shape[:2]
    places = [_around(corners) for corners in kept]
    saved = [(place, canvas[place[0] : place[1], place[2] : place[3]].copy()) for place in places]
    for _ in range(int(rng.integers(1, most + 1))):
        across = _random_width(rng, 0.7 * width)
        center = rng.uniform(0, [width, height]).astype(np.float32)
        if wanted and rng.random() < 0.35:
            # Where cars have their badges, names and lamps.
            corners = wanted[int(rng.integers(len(wanted)))]
            plate = width_of(corners)
            across = plate * float(np.exp(rng.uniform(np.log(0.25), np.log(1.2))))
            center = corners.mean(0) + np.float32(plate) * floats(rng.uniform([-1.6, -1.3], [1.6, 0.5]))
        hull = center + np.array([[-1, -1], [1, 1]], np.float32) * np.float32(across)
        if across > SMALL and not _meets(hull, kept):
            distract(rng, canvas, center, across, found)
    # What a distractor stands on may reach farther.
    for (top, bottom, left, right), before in saved:
        canvas[top:bottom, left:right] = before


def _on_frame(
    rng: Random,
    frame: Frame,
    width: int,
    height: int,
    zoom: float,
    center: Floats | None,
    what: str,
) -> _Ground:
    """A part of *frame*, *zoom* times as large, as a background of *width* × *height* pixels.

    Args:
        rng: source of every random choice.
        frame: where it is cut from.
        width: px.
        height: px.
        zoom: pixels of the background a pixel of the frame.
        center: what is to be on it, px of the frame; anywhere if None.
        what: "real" keeps the plates, "painted" paints them over, "replaced" remembers where they were.
    """
    rows, columns = frame.image.shape[:2]
    w, h = min(round(width / zoom), columns), min(round(height / zoom), rows)
    if center is None:
        left, top = (int(v) for v in rng.integers(0, [columns - w + 1, rows - h + 1]))
    else:
        shift = rng.uniform(-0.4, 0.4, 2) * [w, h]
        left = int(np.clip(center[0] + shift[0] - w / 2, 0, columns - w))
        top = int(np.clip(center[1] + shift[1] - h / 2, 0, rows - h))
    size = (min(round(w * zoom), width), min(round(h * zoom), height))
    method = cv2.INTER_AREA if zoom < 0.8 else cv2.INTER_LINEAR
    part = frame.image[top : top + h, left : left + w]
    part = np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)
    scale = np.array([size[0] / w, size[1] / h], np.float32)
    whole = np.concatenate([frame.boxes, frame.doubtful]).reshape(-1, 2, 2)
    boxes = ((whole - np.array([left, top], np.float32)) * scale).reshape(-1, 4)
    if what != "real" and rng.random() < 0.5:
        part = np.ascontiguousarray(part[:, ::-1])
        boxes = np.stack([size[0] - boxes[:, 2], boxes[:, 1], size[0] - boxes[:, 0], boxes[:, 3]], 1)
    part = recolour(rng, part)
    places: list[tuple[Floats, float]] = []
    kept: list[Placed] = []
    for number, box in enumerate(boxes):
        low, high = box[:2], box[2:]
        if np.any(high <= 0) or np.any(low >= size):
            continue
        if what == "real":
            corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float32)
            role = Role.BOX if number < len(frame.boxes) else Role.IGNORED
            kept += _inside([Placed(corners, 1, role)], *size)
            continue
        paint_over(rng, part, box)
        if what == "replaced":
            places.append((np.asarray((low + high) / 2, np.float32), float(high[0] - low[0])))
    if size != (width, height):
        canvas = np.full((height, width, 3), GREY, np.uint8)
        at = rng.integers(0, [width - size[0] + 1, height - size[1] + 1]).astype(np.float32)
        x, y = int(at[0]), int(at[1])
        canvas[y : y + size[1], x : x + size[0]] = part
        places = [(middle + at, across) for middle, across in places]
        kept = [replace(plate, corners=plate.corners + at) for plate in kept]
        part = canvas
    return _Ground(part, places, kept, False)
