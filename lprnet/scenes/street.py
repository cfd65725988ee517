"""Whole street pictures: a road under a sky with houses and trees along it, and cars with plates on it.

The camera looks along the road. Lengths are metres; what is Z away and X beside the camera's axis is drawn at

    x = vanishing + f · X / Z        y = horizon + f · (eye − height) / Z

so that a metre is f / Z pixels there, and a car's place follows from how wide its plate is to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.scenes.backdrop import texture
from lprnet.scenes.car import Plane, bgr, draw_car, glow, plate_size, rounded
from lprnet.scenes.distractors import clock
from lprnet.scenes.face import Face
from lprnet.scenes.light import take
from lprnet.scenes.placing import stamp, turned
from lprnet.scenes.printed import any_printed
from lprnet.scenes.scene import Floats, Image, Placed, Scene, floats, width_of

PLATE_HEIGHT = 0.45
"""m: of a plate's middle above the road."""
UNIT = 0.5
"""m: of `car`."""
FIRST_WIDTHS, OTHER_WIDTHS = (0.07, 0.125), (0.045, 0.09)
"""Widths of the first plate and of the others in shares of the longer side of the picture."""


@dataclass(frozen=True)
class View:
    """Where the camera stands and what light there is.

    Attributes:
        vanishing: x of the point in which the road's edges meet, px.
        horizon: y of it, px.
        eye: height of the camera over the road, m.
        light: 1 by day, down to 0.3 at night.
    """

    vanishing: float
    horizon: float
    eye: float
    light: float

    def at(self, across: float, scale: float, height: float = 0.0) -> Floats:
        """Pixel (x, y) of a point *across* metres to the right where a metre is *scale* pixels."""
        return floats([self.vanishing + across * scale, self.horizon + (self.eye - height) * scale])


def draw_street(
    rng: Generator,
    size: tuple[int, int],
    faces: Sequence[Face],
    turn: float | None = None,
    plain: bool = False,
) -> Scene:
    """A picture with a car for each of *faces*, as many as there is room for, the first one always.

    Args:
        rng: source of every random choice.
        size: width and height, px.
        faces: plates; the first is the largest.
        turn: by how many degrees the camera is turned about its axis, so that plates stand clockwise by as
            much and have no other tilt; a little of everything if None.
        plain: whether plates are put in as they are, such as have been through a camera.
    """
    width, height = size
    longer = max(size)
    roll = float(rng.normal(0, 1.5)) if turn is None else turn
    view = random_view(rng, width, height)
    canvas = _rolled(scenery(rng, view, width, height), roll)
    center = floats([width / 2, height / 2])
    angle = np.radians(roll)
    rotation = floats([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    cars: list[tuple[int, Floats, float, float]] = []
    for number, face in enumerate(faces):
        for _ in range(40):
            low, high = FIRST_WIDTHS if number == 0 else OTHER_WIDTHS
            across = longer * rng.uniform(low, high)
            tilt = (0.0, 0.0) if turn is not None else (rng.normal(2, 3), rng.normal(0, 9))
            corners = turned(across, across * _shape(face), (*tilt, roll), rng.uniform(8, 15))
            unit = plate_size(rng, corners)
            # Metres are smaller the nearer the road is to the horizon.
            scale = across / (unit * UNIT)
            lane = rng.choice([-1, 0, 1]) * 3.4 + rng.normal(0, 0.3)
            place = view.at(lane, scale, PLATE_HEIGHT) if scale * view.eye < 3 * height else center
            if number == 0:
                place = np.clip(place, floats([0.25, 0.45]) * size, floats([0.75, 0.8]) * size)
            corners = floats(corners + (place - center) @ rotation + center)
            if _fits(corners, size) and not any(_hides(corners, other) for _, other, _, _ in cars):
                cars.append((number, corners, unit, scale))
                break
        else:
            if number == 0:
                cars.append(
                    (0, turned(across, across * _shape(face), (0, 0, roll), 12) + center, unit, scale)
                )
    plates: list[Placed | None] = [None] * len(faces)
    for _, corners, unit, _ in sorted(cars, key=lambda car: car[3]):
        draw_car(rng, canvas, corners, size=unit)
    if view.light < 1:
        darken(rng, canvas, view)
    for number, corners, _, _ in cars:
        face = faces[number]
        put_plate(rng, canvas, face.image, corners, view.light, plain)
        plates[number] = Placed(corners, face.rows, text=face.text, kind=face.kind)
    if rng.random() < 0.3:
        clock(rng, canvas[: height // 8])
    return Scene(take(rng, canvas, 0.25), tuple(plate for plate in plates if plate is not None))


def _shape(face: Face) -> float:
    return face.image.shape[0] / face.image.shape[1]


def _fits(corners: Floats, size: tuple[int, int]) -> bool:
    margin = 0.02 * max(size)
    return bool(np.all(corners > margin) and np.all(corners < floats(size) - margin))


def _hull(corners: Floats) -> tuple[Floats, Floats]:
    """Least and greatest x, y of what a car around a plate covers, roughly."""
    width, middle = width_of(corners), corners.mean(0)
    return middle - floats([3, 4.5]) * np.float32(width), middle + floats([3, 1.8]) * np.float32(width)


def _hides(one: Floats, other: Floats) -> bool:
    """Whether the car of either plate might cover the other plate."""
    for car, plate in ((one, other), (other, one)):
        low, high = _hull(car)
        if np.all(low < plate.max(0)) and np.all(plate.min(0) < high):
            return True
    return False


def put_plate(
    rng: Generator, canvas: Image, image: Image, corners: Floats, light: float, plain: bool
) -> None:
    """The plate, mostly in a dark holder, in place."""
    if not plain:
        gain, pale = rng.uniform(0.75, 1.05) * (0.55 + 0.45 * light), rng.uniform(0, 25)
        first, last = rng.uniform(0.9, 1.1, 2)
        slope = np.linspace(first, last, image.shape[1])[None, :, None]
        image = np.clip(image * (gain * slope) + pale, 0, 255).astype(np.uint8)
    border = 0
    if rng.random() < 0.5:
        border = max(round(image.shape[0] * rng.uniform(0.03, 0.1)), 1)
        dark = (float(rng.uniform(10, 70)),) * 3
        image = np.asarray(
            cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_CONSTANT, value=dark), np.uint8
        )
    stamp(canvas, image, corners, border)


def _rolled(canvas: Image, roll: float) -> Image:
    """*canvas* turned clockwise by *roll* degrees about its middle; its edges are repeated."""
    height, width = canvas.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -roll, 1.0 + abs(roll) / 60)
    turned_canvas = cv2.warpAffine(canvas, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned_canvas, np.uint8)


def darken(rng: Generator, canvas: Image, view: View) -> None:
    """Dusk or night over everything drawn so far, and the lamps of the street, in place."""
    width = canvas.shape[1]
    tint = floats([1.1, 0.95, 0.9]) * np.float32(view.light)
    canvas[:] = cv2.transform(canvas, np.diag(tint))
    for _ in range(int(rng.integers(4, 14))):
        place = floats([rng.uniform(0, width), rng.uniform(0.3, 1.1) * view.horizon])
        glow(canvas, place, rng.uniform(0.01, 0.05) * width, floats([110, 190, 255]))


def random_view(rng: Generator, width: int, height: int) -> View:
    light = 1.0 if rng.random() < 0.8 else float(rng.uniform(0.3, 0.6))
    return View(
        width * rng.uniform(0.4, 0.6), height * rng.uniform(0.3, 0.42), float(rng.uniform(1.2, 1.9)), light
    )


def scenery(rng: Generator, view: View, width: int, height: int) -> Image:
    """Sky, houses, trees, road and kerbs, uint8[height,width,3]."""
    canvas = np.empty((height, width, 3), np.uint8)
    horizon = round(view.horizon)
    top, low = _sky(rng)
    share = np.linspace(0, 1, max(horizon, 1))[:, None, None]
    canvas[:horizon] = np.clip(top * (1 - share) + low * share, 0, 255)
    clouds = texture(rng, max(horizon, 1), width, 6)[:, :, :1]
    canvas[:horizon] = np.clip(canvas[:horizon] + clouds * np.float32(rng.uniform(0, 14)), 0, 255)
    verge = floats(((60, 105, 85), (120, 128, 132), (95, 105, 112))[int(rng.integers(3))])
    far = np.linspace(1.1, 0.8, max(height - horizon, 1))[:, None, None]
    canvas[horizon:] = np.clip(verge * far, 0, 255)
    for side in (-1, 1):
        _houses(rng, canvas, view, side)
    _road(rng, canvas, view)
    for side in (-1, 1):
        _trees(rng, canvas, view, side)
    for octave, amount in ((0, 3.0), (2, 3.0)):
        grain = texture(rng, height, width, octave)[:, :, :1] * np.float32(rng.uniform(0.5, amount))
        grain[:horizon] *= np.float32(0.4)
        canvas[:] = np.clip(canvas + grain, 0, 255)
    return canvas


def _sky(rng: Generator) -> tuple[Floats, Floats]:
    """Its colour above and at the horizon."""
    skies = (
        ((215, 160, 105), (235, 225, 210)),
        ((200, 195, 190), (225, 222, 220)),
        ((150, 120, 110), (170, 195, 230)),
    )
    top, low = skies[int(rng.integers(3))]
    return floats(top) * np.float32(rng.uniform(0.85, 1.1)), floats(low)


def _houses(rng: Generator, canvas: Image, view: View, side: int) -> None:
    """A row of fronts along one side of the road, from far to near, in place."""
    scale = float(rng.uniform(5, 9))
    while scale < canvas.shape[0] / 6:
        nearer = scale * rng.uniform(1.25, 1.7)
        tall, away = rng.uniform(4, 14), side * rng.uniform(8, 11)
        wall = floats(
            np.clip(
                rng.uniform(90, 205) + rng.normal(0, 6, 3) + rng.uniform(0, 22) * floats([-1, 0, 0.7]), 0, 255
            )
        )
        a, b = (view.at(away, s, tall) for s in (scale, nearer))
        c, d = (view.at(away, s) for s in (nearer, scale))
        # The near end of a front shows its gable, towards the camera.
        gable = view.at(away + side * 8, nearer, tall)
        end = floats([[b[0], b[1]], [gable[0], b[1]], [gable[0], c[1]], [c[0], c[1]]])
        _polygon(canvas, end, wall)
        _polygon(canvas, floats([a, b, c, d]), wall * np.float32(rng.uniform(0.65, 0.9)))
        glass = floats([95, 85, 75]) * np.float32(rng.uniform(0.5, 1.2))
        if view.light < 1:
            glass = floats([150, 220, 255]) / np.float32(view.light + 0.1)
        floors, axes = max(int(tall / 3), 1), int(rng.integers(2, 6))
        for floor in range(floors):
            for axis in range(axes):
                if view.light == 1 or rng.random() < 0.35:
                    s, t = (
                        1 / (1 / scale + (1 / nearer - 1 / scale) * (axis + e) / axes) for e in (0.3, 0.7)
                    )
                    base = tall * (floor + 0.25) / floors
                    up = base + 1.4
                    pane = [
                        view.at(away, s, up),
                        view.at(away, t, up),
                        view.at(away, t, base),
                        view.at(away, s, base),
                    ]
                    _polygon(canvas, floats(pane), glass)
        if rng.random() < 0.5:
            _sign(rng, canvas, floats([b, c]), nearer)
        scale = nearer * rng.uniform(1.0, 1.15)


def _sign(rng: Generator, canvas: Image, edge: Floats, scale: float) -> None:
    """A shop's sign that stands out from a front's near edge, in place."""
    mask = any_printed(rng, "shop")
    tall = scale * rng.uniform(0.5, 1)
    wide = min(mask.shape[1] / mask.shape[0], 5.0)
    at = edge[0] + (edge[1] - edge[0]) * np.float32(rng.uniform(0.55, 0.75))
    plane = Plane(canvas, at, floats([tall, 0]), floats([0, tall]))
    ground = rng.uniform(30, 230, 3).astype(np.float32)
    plane.box(-0.2, -0.2, wide + 0.2, 1.2, ground)
    ink = np.full(3, 250 if ground.mean() < 130 else 20, np.float32)
    letters = min(0.9, wide * mask.shape[0] / mask.shape[1])
    plane.write(mask, 0, 0.5 - letters / 2, letters, ink)


def _road(rng: Generator, canvas: Image, view: View) -> None:
    """Asphalt, kerbs and lines to the vanishing point, in place."""
    height = canvas.shape[0]
    near = 1.2 * height / view.eye
    asphalt = np.clip(rng.uniform(70, 125) + rng.normal(0, 5, 3), 0, 255).astype(np.float32)
    half = rng.uniform(5.4, 6.2)

    def strip(left: float, right: float, color: Floats, start: float = 1.5, end: float = near) -> None:
        """Between *left* and *right* m, from where a metre is *start* px to where it is *end* px."""
        points = [view.at(left, start), view.at(right, start), view.at(right, end), view.at(left, end)]
        _polygon(canvas, floats(points), color)

    strip(-half - 3, half + 3, asphalt * np.float32(1.25))
    for side in (-1, 1):
        left, right = sorted((side * half, side * (half + 0.25)))
        strip(left, right, asphalt * np.float32(1.5))
    strip(-half, half, asphalt)
    paint = floats([225, 228, 228]) if rng.random() < 0.8 else floats([60, 180, 225])
    for middle in (0.5 - half, half - 0.5):
        strip(middle - 0.07, middle + 0.07, paint * np.float32(0.95))
    # Dashes are equally long on the road: equal steps of 1 / scale.
    depths = np.arange(0.35, 60, 1.6) * (4 / near)
    for lane in (-1.7, 1.7):
        for depth in depths:
            strip(lane - 0.07, lane + 0.07, paint * np.float32(0.9), 1 / (depth + 2.4 / near), 1 / depth)


def _trees(rng: Generator, canvas: Image, view: View, side: int) -> None:
    """Trees, lamp posts and signs on one pavement, from far to near, in place."""
    scale = float(rng.uniform(9, 14))
    while scale < canvas.shape[0] / 9:
        away = side * rng.uniform(7.2, 8)
        foot = view.at(away, scale)
        plane = Plane(canvas, foot, floats([scale, 0]), floats([0, scale]))
        if rng.random() < 0.65:
            plane.box(-0.12, -2.6, 0.12, 0, floats([45, 60, 75]))
            leaf = floats(((45, 95, 60), (40, 80, 70), (50, 120, 110))[int(rng.integers(3))])
            for _ in range(9):
                x, y, size = rng.normal(0, 0.7), -rng.uniform(2.4, 5), rng.uniform(0.6, 1.2)
                plane.fill(
                    rounded(x - size, y - size, x + size, y + size, 2),
                    leaf * np.float32(rng.uniform(0.6, 1.25)),
                )
        else:
            plane.box(-0.06, -6, 0.06, 0, floats([90, 92, 92]))
            plane.box(min(0, -side * 1.4), -6.05, max(0, -side * 1.4), -5.95, floats([90, 92, 92]))
        scale *= rng.uniform(1.3, 1.9)


STREETS = 40
"""Streets in `empty_street`."""


@lru_cache(maxsize=STREETS)
def empty_street(number: int) -> Image:
    """A street without plates, uint8[360,640,3], modulo `STREETS`: some cars, but none with a plate."""
    rng = np.random.default_rng((number % STREETS, 93))
    view = random_view(rng, 640, 360)
    canvas = scenery(rng, view, 640, 360)
    for scale in sorted(rng.uniform(12, 90, int(rng.integers(0, 6)))):
        place = view.at(rng.choice([-1, 0, 1]) * 3.4 + rng.normal(0, 0.3), scale, PLATE_HEIGHT)
        corners = turned(scale * UNIT, scale * UNIT * 0.3, (0, rng.normal(0, 9), 0), 10) + place
        draw_car(rng, canvas, floats(corners), without=True, size=1.0)
    if view.light < 1:
        darken(rng, canvas, view)
    canvas.setflags(write=False)
    return canvas


def _polygon(canvas: Image, points: Floats, color: Floats) -> None:
    corners = np.clip(points * 16 - 8, -1e7, 1e7).astype(np.int32)
    cv2.fillPoly(canvas, [corners], bgr(color), cv2.LINE_AA, 4)
