"""Drawn cars around plates: rears, fronts and boxes of vans, with what a network might take for a plate.

Everything lies in the plate's plane and is seen as the plate is. Lengths are in units of 0.5 m, about a
plate's width, from the plate's centre with y down; a car is 3.5 wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from lprnet.scenes.lettering import Mask
from lprnet.scenes.placing import stamp
from lprnet.scenes.printed import any_printed
from lprnet.scenes.scene import Floats, Image, floats, height_of, width_of

Color = Floats
"""float32[3] BGR; may leave 0–255 before it is drawn."""

_PAINTS: tuple[tuple[int, int, int], ...] = (
    (225, 225, 225),
    (185, 188, 190),
    (120, 122, 122),
    (60, 58, 56),
    (22, 22, 24),
    (30, 30, 150),
)
_PAINTS += ((120, 60, 25), (70, 45, 30), (45, 80, 50), (60, 150, 200), (30, 190, 235), (90, 110, 130))
TOLD_FROM = 40
"""px: a plate narrower than this cannot be told from a panel with other lettering, or with none."""
SMALL = 4
"""px: smaller letters and badges are left out; nobody would see them."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in a picture: its point (x, y) is at `origin` + x · `across` + y · `down`, px of `canvas`."""

    canvas: Image
    origin: Floats
    across: Floats
    down: Floats

    @property
    def scale(self) -> float:
        """px a unit."""
        return float(np.linalg.norm(self.across))

    @cached_property
    def _sixteenths(self) -> tuple[Floats, Floats]:
        """Matrix and offset to OpenCV's fixed-point coordinates: sixteenths of a pixel from a centre."""
        matrix = np.stack([self.across, self.down]) * np.float32(16)
        return matrix, self.origin * np.float32(16) - np.float32(7.5)

    def at(self, points: ArrayLike) -> Floats:
        """Where float[N,2] are in the picture, float32[N,2]."""
        return floats(floats(points) @ np.stack([self.across, self.down]) + self.origin)

    def fill(self, points: ArrayLike, color: Color) -> None:
        """A polygon of one colour, in place."""
        self.fill_all(np.asarray(points, np.float32)[None], color[None])

    def fill_all(self, polygons: Floats, colors: Color) -> None:
        """Polygons float32[M,N,2] of one colour each, float32[M,3], one after the other, in place."""
        matrix, offset = self._sixteenths
        corners = (polygons @ matrix + offset).astype(np.int32)
        for points, (b, g, r) in zip(corners, colors.tolist(), strict=True):
            color = min(max(b, 0.0), 255.0), min(max(g, 0.0), 255.0), min(max(r, 0.0), 255.0)
            cv2.fillPoly(self.canvas, (points,), color, cv2.LINE_AA, 4)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color) -> None:
        """A filled rectangle, in place."""
        self.fill([[left, top], [right, top], [right, bottom], [left, bottom]], color)

    def write(
        self, mask: Mask, left: float, top: float, height: float, ink: Color, chrome: float = 0
    ) -> float:
        """A word *height* high, in place; returns where it ends. With *chrome* its ink shines, 0 to 1."""
        width = height * mask.shape[1] / mask.shape[0]
        if height * self.scale >= SMALL:
            face = metal(mask.shape[0], mask.shape[1], ink, chrome)
            right, bottom = left + width, top + height
            corners = self.at([[left, top], [right, top], [right, bottom], [left, bottom]])
            if chrome:
                # The raised letters' shadow.
                dark = np.zeros_like(face)
                stamp(self.canvas, dark, corners + np.float32(0.06 * height * self.scale), cover=mask // 2)
            stamp(self.canvas, face, corners, cover=mask)
        return left + width


def bgr(color: ArrayLike) -> tuple[float, float, float]:
    """*color* within 0–255, as OpenCV takes it."""
    b, g, r = np.clip(np.asarray(color, np.float64), 0, 255)
    return float(b), float(g), float(r)


def metal(height: int, width: int, ink: Color, chrome: float) -> Image:
    """uint8[height,width,3] of *ink*, with the sky and the ground mirrored in it by *chrome*, 0 to 1."""
    levels = 1 + chrome * np.interp(
        np.linspace(0, 1, height), [0, 0.35, 0.5, 0.56, 0.8, 1], [0.1, 0.35, 0.2, -0.6, -0.3, 0.1]
    )
    rows = np.clip(levels[:, None] * np.asarray(ink)[None], 0, 255).astype(np.uint8)
    return np.repeat(rows[:, None], width, 1)


def glow(canvas: Image, center: Floats, radius: float, color: Color) -> None:
    """Light around a lamp that shines into the lens: added, to nothing at *radius* px; in place."""
    left, top = np.maximum(np.floor(center - radius).astype(int), 0)
    right, bottom = np.minimum(np.ceil(center + radius).astype(int), canvas.shape[1::-1])
    if right - left < 2 or bottom - top < 2:
        return
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - center[0]) / np.float32(radius)
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - center[1]) / np.float32(radius)
    fall = np.clip(1 - x[None] ** 2 - y[:, None] ** 2, 0, 1) ** 3
    light = np.clip(fall[:, :, None] * np.clip(color, 0, 400).astype(np.float32), 0, 255).astype(np.uint8)
    place = canvas[top:bottom, left:right]
    cv2.add(place, light, dst=place)


def rounded(
    left: float, top: float, right: float, bottom: float, power: float = 4, count: int = 12
) -> Floats:
    """A superellipse float32[count,2] in a box: an ellipse for *power* 2, a rounded rectangle for more."""
    half = floats([(right - left) / 2, (bottom - top) / 2])
    return _superellipse(float(power), count) * half + floats([(left + right) / 2, (top + bottom) / 2])


@lru_cache(maxsize=64)
def _superellipse(power: float, count: int) -> Floats:
    """In the box of ±1."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + np.pi / count
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(np.sign(points) * np.abs(points) ** (2 / power), np.float32)


def _points(plane: Plane) -> int:
    """Of a round outline, more where they show."""
    return 12 if plane.scale < 60 else 32


def paint(rng: Generator) -> Color:
    """A colour that cars have."""
    color = np.array(_PAINTS[int(rng.integers(len(_PAINTS)))]) + rng.normal(0, 12, 3) + rng.normal(0, 12)
    return np.asarray(np.clip(color, 5, 245), np.float32)


def plate_size(rng: Generator, corners: Floats) -> float:
    """How wide a plate of such a shape may be, in units of 0.5 m."""
    # One that is about half as high as wide is 0.3 m wide, or 0.44 with two rows.
    short = width_of(corners) < 2.6 * height_of(corners)
    return float(rng.choice([0.6, 0.7, 0.9]) if short else rng.uniform(0.88, 1.04))


def draw_car(
    rng: Generator, image: Image, corners: Floats, without: bool = False, size: float | None = None
) -> None:
    """The rear or front of a car around a plate's *corners* float32[4,2], in place.

    Args:
        rng: source of every random choice.
        image: uint8[H,W,3] BGR.
        corners: float32[4,2]; where the plate is, there is a recess or plain body. Nothing is drawn around a
            plate of less than a pixel or two.
        without: whether what belongs there without a plate is drawn: a holder, a dealer's panel, nothing.
        size: width of the plate, units; any that goes with its shape if None.
    """
    width, height = width_of(corners), height_of(corners)
    if width < 2 or height < 0.5:
        return
    across = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    side = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    size = plate_size(rng, corners) if size is None else size
    across = across / np.float32(size)
    down = side / np.float32(height) * np.linalg.norm(across) * np.float32(rng.uniform(0.85, 1.1))
    # Roll and yaw of a plate are its car's, mostly; large ones are the plate's own.
    plane = Plane(image, corners.mean(0), across.astype(np.float32), down.astype(np.float32))
    half = size / 2, size / 2 * height / width * float(np.linalg.norm(across) / np.linalg.norm(down))
    kind = rng.random()
    if kind < 0.5:
        _rear(rng, plane, half)
    elif kind < 0.82:
        _front(rng, plane, half)
    else:
        _box(rng, plane, half)
    if without:
        draw_no_plate(rng, plane, half)


def _gains(rng: Generator, ys: Floats, contrast: float = 0.25) -> Floats:
    """Brightness along a curved, glossy surface: smooth, with a crease or two."""
    knots = np.linspace(ys[0], ys[-1], 6)
    gains = np.interp(ys, knots, 1 + rng.normal(0, contrast, 6) + np.linspace(0.15, -0.2, 6))
    crease = rng.uniform(ys[0], ys[-1])
    return np.asarray(np.clip(gains - rng.uniform(0, 0.3) * (ys > crease), 0.25, 1.7), np.float32)


def _shell(
    rng: Generator, plane: Plane, profile: list[tuple[float, float]], color: Color, strips: int
) -> None:
    """A body through *profile* (y and half width), shaded along y and at its sides."""
    y, half = np.array(profile).T
    strips = int(np.clip(strips, 5, 22 if plane.scale < 90 else 60))
    ys = np.linspace(y[0], y[-1], strips + 1)
    # Each strip reaches under the next one, lest what is behind shows through their soft edges.
    low = ys[1:] + np.where(np.arange(strips) < strips - 1, min(0.04, 2 / plane.scale), 0)
    halves, gains = np.interp(ys, y, half), _gains(rng, ys)[:-1]
    edge = rng.uniform(0.6, 0.95)
    lean = rng.normal(0, 0.08)
    for part, shade in ((1.0, edge), (0.88, 1.0)):
        a, b = halves[:-1] * part, halves[1:] * part
        x = np.stack([lean - a, lean + a, lean + b, lean - b], 1)
        points = np.stack([x, np.stack([ys[:-1], ys[:-1], low, low], 1)], 2).astype(np.float32)
        plane.fill_all(points, gains[:, None] * (color * np.float32(shade)))


def _glass(rng: Generator, plane: Plane, top: float, bottom: float, above: float, below: float) -> None:
    """A window between half widths *above* and *below*, with the sky in its upper part."""
    level = rng.uniform(5, 70)
    tint = np.array([1.1, 1.02, 0.95], np.float32)
    rim = rng.choice([8.0, 8.0, 150.0])
    grow = 0.05
    plane.fill(
        [
            [-above - grow, top - grow],
            [above + grow, top - grow],
            [below + grow, bottom + grow],
            [-below - grow, bottom + grow],
        ],
        np.full(3, rim, np.float32),
    )
    sky = level + rng.uniform(0, 150)
    share = np.linspace(0, 1, 5 if plane.scale < 40 else 9 if plane.scale < 90 else 40)
    halves, ys = above + (below - above) * share, top + (bottom - top) * share
    bright = sky + (level - sky) * np.minimum(share[:-1] / rng.uniform(0.2, 1.2), 1)
    xs = np.stack([-halves[:-1], halves[:-1], halves[1:], -halves[1:]], 1)
    points = np.stack([xs, np.stack([ys[:-1], ys[:-1], ys[1:], ys[1:]], 1)], 2).astype(np.float32)
    plane.fill_all(points, bright[:, None].astype(np.float32) * tint)
    if rng.random() < 0.4:
        # What is seen through it: head rests, or heads.
        for seat in rng.uniform(-below * 0.7, below * 0.7, int(rng.integers(1, 4))):
            size = rng.uniform(0.15, 0.3)
            plane.fill(
                rounded(seat - size, bottom - 1.6 * size, seat + size, bottom, 3, _points(plane)),
                tint * np.float32(level * 0.6),
            )
    if rng.random() < 0.35:
        # A sticker or a disc: permits, warnings, a price.
        x, y = rng.uniform(-below * 0.85, below * 0.7), rng.uniform(top + 0.1, bottom - 0.15)
        wide = rng.uniform(0.12, 0.45)
        tall = wide * rng.uniform(0.25, 1)
        shape = rounded(x, y, x + wide, y + tall, 2 if rng.random() < 0.4 else 12)
        ground = rng.uniform(40, 255, 3).astype(np.float32)
        plane.fill(shape, ground)
        plane.write(
            any_printed(rng, "company"),
            x + 0.1 * wide,
            y + 0.3 * tall,
            min(0.4 * tall, wide * 0.15),
            255 - ground,
        )


def _lamp_colors(rng: Generator, rear: bool) -> tuple[Color, Color]:
    """Of a lamp's field and its second field."""
    red, white, amber = np.array([40, 25, 175]), np.array([225, 222, 215]), np.array([30, 120, 235])
    first = red if rear and rng.random() < 0.85 else white
    second = (white, amber, red * 0.6, white * 0.5)[int(rng.integers(4))]
    if not rear and rng.random() < 0.4:
        first = white * rng.uniform(0.25, 0.8)
    gain = rng.uniform(0.55, 1.15)
    noise = rng.normal(0, 8, (2, 3))
    return floats(first * gain + noise[0]), floats(second * gain + noise[1])


def draw_lamp(
    rng: Generator, plane: Plane, box: tuple[float, float, float, float], rear: bool, alone: bool = False
) -> None:
    """A lamp in *box* (left, top, right, bottom), and its mirror image unless it is *alone*, in place."""
    left, top, right, bottom = box
    first, second = _lamp_colors(rng, rear)
    power, skew = float(rng.choice([2.2, 4, 8, 20])), rng.normal(0, 0.12) * (bottom - top) / (right - left)
    split, split_at = rng.integers(4), rng.uniform(0.35, 0.65)
    spots = int(rng.integers(0, 4)) if plane.scale > 15 else 0
    spot = rng.uniform(0.2, 0.8, 2)
    ribs = (0, 0, 4, 7)[int(rng.integers(4))] if plane.scale > 40 else 0
    rim = rng.choice([0.35, 0.6, 1.1])
    light = rng.random()
    middle = np.array([(left + right) / 2, (top + bottom) / 2], np.float32)
    outline = rounded(left, top, right, bottom, power, _points(plane)) - middle
    outline[:, 1] += skew * outline[:, 0]
    for sign in (1,) if alone else (1, -1):
        mirror = np.array([sign, 1], np.float32)

        def put(points: Floats, color: Color, mirror: Floats = mirror) -> None:
            plane.fill(points * mirror, color)

        put(outline * np.float32(1.06) + middle, first * np.float32(rim))
        put(outline * np.float32(0.97) + middle, first * np.float32(0.85))
        put(
            outline * np.float32(0.75) + middle + floats([0, -0.08 * (bottom - top)]),
            first * np.float32(1.1),
        )
        inner = outline * np.float32(0.9)
        if split == 1:
            put(np.minimum(inner, [[(right - left) * (split_at - 0.5), 9]]) + middle, second)
        elif split == 2:
            put(np.maximum(inner, [[-9, (bottom - top) * (split_at - 0.5)]]) + middle, second)
        for k in range(ribs):
            y = top + (bottom - top) * (k + 1) / (ribs + 1)
            edge = 0.1 * (right - left)
            y_skew = skew * (right - left) * 0.4
            put(
                floats(
                    [
                        [left + edge, y - y_skew],
                        [right - edge, y + y_skew],
                        [right - edge, y + y_skew + 0.012],
                    ]
                ),
                first * np.float32(0.6),
            )
        for k in range(spots):
            size = (bottom - top) * rng.uniform(0.12, 0.36)
            x = left + (right - left) * (0.2 + 0.6 * ((spot[0] + k / 3) % 1))
            y = top + (bottom - top) * (0.3 + 0.4 * spot[1])
            put(
                rounded(x - size, y - size, x + size, y + size, 2, _points(plane)),
                first * np.float32(0.55) + 10,
            )
            size *= 0.6
            put(
                rounded(x - size, y - size, x + size, y + size, 2, _points(plane)),
                first * np.float32(0.8) + 70,
            )
        if light < 0.25:
            put(outline * np.float32(0.6) + middle, first * np.float32(0.3) + np.float32(190))
            center = plane.at((middle * mirror)[None])[0]
            color = first * np.float32(rng.uniform(0.5, 1.6)) + np.float32(40)
            glow(plane.canvas, center, plane.scale * (right - left) * rng.uniform(0.8, 2.6), color)
        elif light < 0.6:
            # Glass over it, with the sky in it.
            x, y = left + (right - left) * 0.15, top + (bottom - top) * 0.14
            put(
                rounded(x, y, right - (right - left) * 0.2, y + 0.14 * (bottom - top), 3, 10),
                first * 0.4 + np.float32(130),
            )


def draw_badge(rng: Generator, plane: Plane, x: float, y: float, size: float) -> None:
    """A maker's emblem about *size* wide in chrome around (x, y): ovals, rings, wings, letters; in place."""
    if size * plane.scale < SMALL:
        return
    chrome = floats([205, 208, 210]) * np.float32(rng.uniform(0.6, 1.15))
    field = floats(
        ((120, 50, 15), (30, 25, 150), (25, 25, 25), (200, 200, 200), (60, 90, 30))[
            int(rng.choice(5, p=[0.35, 0.2, 0.25, 0.12, 0.08]))
        ]
    )
    field = field * np.float32(rng.uniform(0.7, 1.2))
    half = size / 2
    kind = int(rng.integers(7))
    if kind == 6:
        # A bare device: a lozenge, a star, a tick.
        count = int(rng.integers(3, 7))
        angle = np.linspace(0, 2 * np.pi, 2 * count, endpoint=False) + rng.uniform(0, 6)
        radius = np.where(np.arange(2 * count) % 2, rng.uniform(0.25, 0.7), 1.0) * half
        points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
        plane.fill(points + floats([0, 0.06 * size]), chrome * np.float32(0.25))
        plane.fill(points, chrome)
        return
    flat = (
        1.0,
        1.0,
        rng.uniform(0.38, 0.6),
        rng.uniform(0.38, 0.6),
        rng.uniform(0.3, 0.5),
        rng.uniform(0.6, 0.9),
    )[kind]
    count = _points(plane)
    tall, power = half * flat, 2.0 if kind != 5 else 6.0
    plane.fill(
        rounded(x - half, y - tall + 0.05 * size, x + half, y + tall + 0.05 * size, power, count),
        chrome * np.float32(0.3),
    )
    plane.fill(rounded(x - half, y - tall, x + half, y + tall, power, count), chrome * np.float32(0.75))
    plane.fill(
        rounded(x - half * 0.97, y - tall, x + half * 0.97, y + tall * 0.7, power, count),
        chrome * np.float32(1.15),
    )
    rim = min(half, tall) * rng.uniform(0.12, 0.25)
    plane.fill(rounded(x - half + rim, y - tall + rim, x + half - rim, y + tall - rim, power, count), field)
    shine = np.clip(field * np.float32(1.3) + 25, 0, 255)
    plane.fill(rounded(x - half * 0.7, y - tall * 0.72, x + half * 0.7, y - tall * 0.1, 2, count), shine)
    if kind in (2, 3, 4):
        mask = any_printed(rng, "model")
        letters = min(tall * rng.uniform(0.7, 1.1), 1.5 * half * mask.shape[0] / mask.shape[1])
        plane.write(mask, x - letters * mask.shape[1] / mask.shape[0] / 2, y - letters / 2, letters, chrome)
    else:
        bars = int(rng.integers(1, 4))
        for k in range(bars):
            turn = rng.uniform(0, np.pi) if bars == 1 else k * np.pi / bars + 0.3
            along = np.array([np.cos(turn), np.sin(turn) * flat]) * (half - rim)
            wide = np.array([-along[1], along[0]]) * 0.13
            bar = np.array([along + wide, along - wide, -along - wide, -along + wide])
            plane.fill(bar + floats([x, y]), chrome)
    if kind == 4:
        # Wings.
        for sign in (1, -1):
            wing = [
                [x + sign * half * 0.9, y - 0.3 * tall],
                [x + sign * half * 1.9, y - tall],
                [x + sign * half * 1.5, y + 0.2 * tall],
            ]
            plane.fill(wing, chrome)


def _script(rng: Generator, plane: Plane, left: float, top: float, right: float, tall: float) -> None:
    """A model's or maker's name at one end of *left* … *right*, or widely spaced over all of it."""
    mask = any_printed(rng, "model")
    chrome = 1.0 if rng.random() < 0.75 else 0.0
    ink = (
        floats([200, 203, 206]) * np.float32(rng.uniform(0.6, 1.2))
        if chrome
        else np.full(3, rng.uniform(10, 60), np.float32)
    )
    width = tall * mask.shape[1] / mask.shape[0]
    place = rng.random()
    x = left if place < 0.4 else right - width if place < 0.7 else (left + right - width) / 2
    plane.write(mask, x, top, tall, ink, chrome)


def _recess(rng: Generator, plane: Plane, half: tuple[float, float], color: Color) -> None:
    """Where the plate is fixed: a field pressed into the body, its upper edge in shade."""
    wide, tall = half[0] + rng.uniform(0.04, 0.3), half[1] + rng.uniform(0.03, 0.16)
    shade = rng.uniform(0.45, 1.0)
    power = float(rng.choice([6, 12, 30]))
    plane.fill(
        rounded(-wide - 0.03, -tall - 0.03, wide + 0.03, tall + 0.03, power), color * np.float32(shade * 1.25)
    )
    plane.fill(rounded(-wide, -tall, wide, tall, power), color * np.float32(shade * 0.6))
    plane.fill(rounded(-wide, -tall + 0.09, wide, tall, power), color * np.float32(shade))
    if rng.random() < 0.3:
        # The lamps that light the plate.
        for x in (-0.4 * half[0] - 0.15, 0.4 * half[0] + 0.15):
            plane.box(
                x - 0.07, -tall + 0.01, x + 0.07, -tall + 0.05, np.full(3, rng.uniform(80, 255), np.float32)
            )


def draw_no_plate(rng: Generator, plane: Plane, half: tuple[float, float]) -> None:
    """What is seen where a plate should be: an empty holder, a dealer's panel, bolt holes, dirt."""
    wide, tall = half[0] * rng.uniform(0.9, 1.05), half[1] * rng.uniform(0.9, 1.1)
    kind = rng.random()
    level = float(rng.choice([15, 40, 90, 200, 240])) + rng.normal(0, 10)
    small = 2 * half[0] * plane.scale < TOLD_FROM
    if small:
        # Nothing, or a dark holder.
        kind, level = kind * 0.55, min(level, 40 + rng.normal(0, 10))
    ground = np.asarray(level + rng.normal(0, 6, 3), np.float32)
    if kind < 0.25:
        return
    if kind < 0.55:
        # An empty holder: a rim, ribs, holes, often the dealer's name along its foot.
        plane.box(-wide, -tall, wide, tall, ground)
        rim = rng.uniform(0.03, 0.09)
        plane.box(
            -wide + rim, -tall + rim, wide - rim, tall - 1.6 * rim, ground * np.float32(rng.uniform(0.5, 1.5))
        )
        for x in (-0.55 * wide, 0.55 * wide):
            if rng.random() < 0.6:
                plane.fill(rounded(x - 0.03, -0.03, x + 0.03, 0.03, 2, 8), ground * np.float32(0.4))
        if rng.random() < 0.5:
            plane.write(any_printed(rng, "company"), -0.6 * wide, tall - 1.4 * rim, 1.1 * rim, 255 - ground)
        return
    if kind < 0.85 and tall > 0.08:
        # A dealer's panel: its name as large as it goes, in a company's colours. Names, no numbers.
        ground = rng.uniform(20, 250, 3).astype(np.float32) if rng.random() < 0.6 else ground
        plane.box(-wide, -tall, wide, tall, ground)
        mask = any_printed(rng, "name")
        letters = min(tall * rng.uniform(0.6, 1.1), 1.6 * wide * mask.shape[0] / mask.shape[1])
        far = np.float32(250) if ground.mean() < 128 else np.float32(15)
        x = -letters * mask.shape[1] / mask.shape[0] / 2
        plane.write(mask, x, -letters * rng.uniform(0.5, 0.9), letters, ground * 0 + far)
        mask = any_printed(rng, "company")
        small = min(tall * 0.3, 1.8 * wide * mask.shape[0] / mask.shape[1])
        plane.write(mask, -small * mask.shape[1] / mask.shape[0] / 2, tall * 0.55, small, ground * 0 + far)
        return
    # Bolts on plain body, and a paler field where a plate has been.
    plane.box(-wide, -tall, wide, tall, ground * np.float32(0.3) + np.float32(level * 0.6))
    for x in (-0.5 * wide, 0.5 * wide):
        plane.fill(
            rounded(x - 0.025, -0.5 * tall, x + 0.025, -0.5 * tall + 0.05, 2, 8), np.full(3, 30, np.float32)
        )


def _ground(rng: Generator, plane: Plane, bottom: float, half: float) -> None:
    """The shadow under a car and its wheels."""
    dark = np.full(3, rng.uniform(5, 45), np.float32)
    plane.fill(
        rounded(-half * 1.08, bottom - 0.1, half * 1.08, bottom + rng.uniform(0.3, 0.6), 3),
        dark * np.float32(1.3),
    )
    for sign in (1, -1):
        x = sign * half * 0.82
        plane.fill(rounded(x - 0.22, bottom - 0.35, x + 0.22, bottom + 0.32, 6), dark)


def _rear(rng: Generator, plane: Plane, half: tuple[float, float]) -> None:
    color, wide = paint(rng), rng.uniform(1.6, 1.9)
    low = rng.random() < 0.4
    lamps = -rng.uniform(0.65, 1.0) if low else rng.uniform(-0.3, 0.05)
    waist, bumper = (
        lamps - rng.uniform(0.4, 0.65),
        max(lamps + rng.uniform(0.4, 0.6), half[1] + 0.06 if not low else -9),
    )
    roof = waist - rng.uniform(0.7, 1.2)
    bottom = max(bumper + rng.uniform(0.5, 0.75), half[1] + 0.15)
    _ground(rng, plane, bottom, wide)
    top = rng.uniform(0.55, 0.85)
    profile = [
        (roof, wide * top * 0.85),
        (roof + 0.1, wide * top),
        (waist, wide * 0.95),
        (lamps, wide),
        (bottom - 0.15, wide),
        (bottom, wide * 0.9),
    ]
    detail = round((bottom - roof) * plane.scale / 3)
    _shell(rng, plane, profile, color, detail)
    _glass(rng, plane, roof + 0.14, waist - 0.08, wide * (top - 0.06), wide * 0.86)
    if rng.random() < 0.4:
        shine = floats([30, 20, 200]) if rng.random() < 0.7 else floats([220, 220, 255])
        plane.box(-0.3, roof + 0.05, 0.3, roof + 0.1, shine)
    line = color * np.float32(rng.uniform(0.25, 0.6))
    plane.box(-wide * 0.8, bumper - 0.015, wide * 0.8, bumper + 0.02, line)
    if rng.random() < 0.4:
        plastic = np.full(3, rng.uniform(15, 60), np.float32)
        plane.box(-wide * 0.98, bumper + rng.uniform(0.1, 0.4), wide * 0.98, bottom - 0.03, plastic)
    tall, across = rng.uniform(0.22, 0.6), rng.uniform(0.4, 0.85)
    draw_lamp(rng, plane, (wide * 0.98 - across, lamps - tall / 2, wide * 0.98, lamps + tall / 2), True)
    if rng.random() < 0.7:
        _recess(rng, plane, half, color)
    over = -half[1] - rng.uniform(0.08, 0.2)
    if rng.random() < 0.5 and not low:
        # The handle strip over the plate, in chrome or in the car's colour.
        bar = floats([200, 202, 205]) if rng.random() < 0.6 else color * np.float32(0.8)
        reach = half[0] + rng.uniform(-0.1, 0.3)
        plane.box(-reach, over - 0.03, reach, over + 0.02, bar)
        plane.box(-reach, over + 0.02, reach, over + 0.05, bar * np.float32(0.4))
    if rng.random() < 0.75:
        badge = min(over - 0.12, lamps) if not low else lamps + rng.uniform(-0.15, 0.1)
        draw_badge(rng, plane, 0, badge - rng.uniform(0.02, 0.15), rng.uniform(0.16, 0.34))
    for _ in range(int(rng.integers(0, 3))):
        tall = rng.uniform(0.06, 0.13)
        y = rng.uniform(min(waist + 0.05, bumper - 0.4), bumper - 0.2)
        _script(
            rng,
            plane,
            -wide * 0.92 + across * rng.uniform(0, 1.1),
            y,
            wide * 0.9 - across * rng.uniform(0, 1.1),
            tall,
        )
    if rng.random() < 0.5:
        y, size, long = bottom - rng.uniform(0.15, 0.4), rng.uniform(0.04, 0.09), rng.uniform(0.15, 0.4)
        for sign in (1, -1):
            x = sign * wide * 0.72
            plane.box(
                x - long / 2,
                y,
                x + long / 2,
                y + size,
                floats([45, 30, 190]) * np.float32(rng.uniform(0.5, 1.2)),
            )
    if rng.random() < 0.3:
        x = rng.choice([-1, 1]) * wide * rng.uniform(0.3, 0.6)
        plane.fill(
            rounded(x - 0.09, bottom - 0.06, x + 0.09, bottom + 0.06, 3, 10), np.full(3, 140, np.float32)
        )
        plane.fill(
            rounded(x - 0.06, bottom - 0.04, x + 0.06, bottom + 0.04, 3, 10), np.full(3, 10, np.float32)
        )
    if rng.random() < 0.1:
        plane.box(-0.05, bottom - 0.15, 0.05, bottom + 0.05, np.full(3, 60, np.float32))


def _bars(rng: Generator, plane: Plane, box: tuple[float, float, float, float], ink: Color) -> None:
    """Slats or a mesh in *box*."""
    left, top, right, bottom = box
    kind = int(rng.integers(3))
    if kind != 1:
        count = int(rng.integers(2, 8))
        y = np.linspace(top, bottom, count + 2)[1:-1]
        size = (bottom - top) / count * 0.2
        plane.fill_all(_boxes(left, y - size, right, y + size), np.repeat(ink[None], count, 0))
    if kind != 0:
        count = int(rng.integers(8, 26 if plane.scale > 30 else 10))
        x = np.linspace(left, right, count + 2)[1:-1]
        size = (right - left) / count * 0.18
        plane.fill_all(
            _boxes(x - size, top, x + size, bottom), np.repeat(ink[None] * np.float32(0.8), count, 0)
        )


def _boxes(left: ArrayLike, top: ArrayLike, right: ArrayLike, bottom: ArrayLike) -> Floats:
    """Rectangles float32[M,4,2]; what is one number is the same for all."""
    left, top, right, bottom = np.broadcast_arrays(left, top, right, bottom)
    x, y = np.stack([left, right, right, left], 1), np.stack([top, top, bottom, bottom], 1)
    return np.stack([x, y], 2).astype(np.float32)


def _front(rng: Generator, plane: Plane, half: tuple[float, float]) -> None:
    color, wide = paint(rng), rng.uniform(1.6, 1.9)
    lamps = -rng.uniform(0.5, 0.95)
    edge = lamps - rng.uniform(0.15, 0.35)
    waist = edge - rng.uniform(0.25, 0.7)
    roof = waist - rng.uniform(0.7, 1.1)
    bottom = half[1] + rng.uniform(0.2, 0.6)
    _ground(rng, plane, bottom, wide)
    top = rng.uniform(0.6, 0.8)
    profile = [
        (roof, wide * top * 0.85),
        (roof + 0.1, wide * top),
        (waist, wide * 0.9),
        (lamps, wide),
        (bottom - 0.15, wide),
        (bottom, wide * 0.92),
    ]
    _shell(rng, plane, profile, color, round((bottom - roof) * plane.scale / 3))
    _glass(rng, plane, roof + 0.12, waist, wide * (top - 0.05), wide * 0.84)
    for sign in (1, -1):
        plane.fill(
            rounded(sign * wide * 1.06 - 0.15, waist - 0.3, sign * wide * 1.06 + 0.15, waist - 0.05, 4),
            color * np.float32(0.7),
        )
    plane.box(-wide * 0.8, edge - 0.01, wide * 0.8, edge + 0.02, color * np.float32(0.45))
    dark = np.full(3, rng.uniform(8, 45), np.float32)
    chrome = floats([205, 207, 210]) * np.float32(rng.uniform(0.7, 1.15))
    ink = chrome if rng.random() < 0.5 else dark * np.float32(2.2)
    reach, tall = wide * rng.uniform(0.35, 0.62), rng.uniform(0.2, 0.45)
    grille = -reach, lamps - tall / 2, reach, min(lamps + tall / 2, -half[1] - 0.03)
    if grille[3] - grille[1] > 0.1:
        power = float(rng.choice([4, 10, 30]))
        if rng.random() < 0.6:
            plane.fill(
                rounded(grille[0] - 0.05, grille[1] - 0.05, grille[2] + 0.05, grille[3] + 0.05, power), chrome
            )
        plane.fill(rounded(*grille, power), dark)
        _bars(rng, plane, (grille[0] * 0.93, grille[1] + 0.03, grille[2] * 0.93, grille[3] - 0.03), ink)
    high, across = rng.uniform(0.2, 0.45), rng.uniform(0.45, 0.8)
    draw_lamp(rng, plane, (wide * 0.97 - across, lamps - high / 2, wide * 0.97, lamps + high / 2), False)
    if rng.random() < 0.8:
        draw_badge(rng, plane, 0, rng.choice([lamps, edge - 0.1]), rng.uniform(0.18, 0.4))
    if rng.random() < 0.65:
        reach = wide * rng.uniform(0.4, 0.85)
        low = half[1] * rng.uniform(-0.5, 1.1), bottom - 0.06
        if low[1] - low[0] > 0.08:
            plane.fill(rounded(-reach, low[0], reach, low[1], 6), dark)
            _bars(
                rng,
                plane,
                (-reach * 0.95, low[0] + 0.02, reach * 0.95, low[1] - 0.02),
                dark * np.float32(1.9),
            )
    if rng.random() < 0.4:
        y, size = half[1] * rng.uniform(-0.5, 1), rng.uniform(0.09, 0.16)
        for sign in (1, -1):
            x = sign * wide * 0.76
            plane.fill(rounded(x - size, y - size, x + size, y + size, rng.choice([2, 8])), dark)
            plane.fill(
                rounded(x - size * 0.7, y - size * 0.7, x + size * 0.7, y + size * 0.7, 2),
                np.full(3, rng.uniform(120, 240), np.float32),
            )
    if rng.random() < 0.4:
        _recess(rng, plane, half, color)
    if rng.random() < 0.12:
        # A taxi's sign on the roof.
        taxi_sign(rng, plane, 0, roof - 0.05)


def taxi_sign(rng: Generator, plane: Plane, x: float, y: float) -> None:
    """A lit box with a word on a car's roof, its foot at (x, y), in place."""
    wide, tall = rng.uniform(0.25, 0.55), rng.uniform(0.16, 0.3)
    ground = floats(((40, 190, 240), (235, 235, 235), (60, 200, 250), (200, 120, 40))[int(rng.integers(4))])
    plane.fill(
        [[x - wide, y], [x - wide * 0.85, y - tall], [x + wide * 0.85, y - tall], [x + wide, y]],
        ground * np.float32(rng.uniform(0.7, 1.1)),
    )
    mask = any_printed(rng, "taxi")
    letters = min(tall * 0.6, 1.4 * wide * mask.shape[0] / mask.shape[1])
    start = x - letters * mask.shape[1] / mask.shape[0] / 2
    plane.write(mask, start, y - tall / 2 - letters / 2, letters, np.full(3, rng.uniform(10, 70), np.float32))


def _box(rng: Generator, plane: Plane, half: tuple[float, float]) -> None:
    """The rear of a van, a lorry or a bus."""
    color, wide = paint(rng), rng.uniform(1.7, 2.3)
    top, floor = -rng.uniform(2.2, 4.2), half[1] + rng.uniform(0.05, 0.3)
    bumper = floor + rng.uniform(0.15, 0.5)
    _ground(rng, plane, bumper, wide)
    _shell(rng, plane, [(top, wide * 0.96), (floor, wide)], color, round((floor - top) * plane.scale / 4))
    dark = np.full(3, rng.uniform(12, 60), np.float32)
    plane.box(-wide, floor, wide, bumper, dark)
    seam = color * np.float32(0.45)
    if rng.random() < 0.7:
        plane.box(-0.02, top + 0.1, 0.02, floor, seam)
        for y in np.linspace(top + 0.3, floor - 0.3, 3):
            for sign in (1, -1):
                plane.box(
                    sign * wide * 0.93 - 0.08, float(y), sign * wide * 0.93 + 0.08, float(y) + 0.06, seam
                )
    if rng.random() < 0.5:
        for sign in (1, -1):
            if rng.random() < 0.8:
                left, right = sorted((sign * 0.2, sign * wide * 0.8))
                plane.fill(
                    rounded(left, top + 0.4, right, top + 1.4, 10),
                    np.full(3, rng.uniform(15, 70), np.float32),
                )
    if rng.random() < 0.5:
        for sign in (1, -1):
            x = sign * rng.uniform(0.15, 0.3)
            plane.box(x - 0.04, -0.5, x + 0.04, -0.2, np.full(3, rng.uniform(20, 180), np.float32))
    ink = np.full(3, 20, np.float32) if color.mean() > 120 else np.full(3, 235, np.float32)
    if rng.random() < 0.4:
        ink = rng.uniform(0, 255, 3).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        mask, tall = any_printed(rng, "company"), rng.uniform(0.1, 0.4)
        tall = min(tall, 1.8 * wide * mask.shape[0] / mask.shape[1])
        room = 2 * wide * 0.95 - tall * mask.shape[1] / mask.shape[0]
        plane.write(
            mask,
            -wide * 0.95 + rng.uniform(0, max(room, 0.01)),
            rng.uniform(top + 0.2, max(-half[1] - 0.15 - tall, top + 0.2)),
            tall,
            ink,
        )
    if rng.random() < 0.25:
        # Red and white warning boards.
        y, tall = rng.uniform(-0.5, floor - 0.3), rng.uniform(0.15, 0.3)
        for sign in (1, -1):
            left, right = sorted((sign * wide * 0.5, sign * wide * 0.98))
            plane.box(left, y, right, y + tall, floats([230, 230, 230]))
            for x in np.arange(left, right - 0.1, 0.22):
                plane.fill(
                    [[x, y], [x + 0.1, y], [x + 0.2, y + tall], [x + 0.1, y + tall]],
                    floats([40, 30, 190]),
                )
    tall, across = rng.uniform(0.15, 0.7), rng.uniform(0.16, 0.5)
    y = rng.uniform(-0.6, bumper - tall - 0.03)
    draw_lamp(rng, plane, (wide * 0.96 - across, y, wide * 0.96, y + tall), True)
    if rng.random() < 0.4:
        _recess(rng, plane, half, color)
    if rng.random() < 0.4 and half[1] < 0.3:
        draw_badge(rng, plane, 0, -half[1] - rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.35))
