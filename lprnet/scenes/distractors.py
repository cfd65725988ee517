"""What looks a little like a plate and is none: drawn into a scene so that it is learnt as background."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.shares import Shares
from lprnet.scenes.backdrop import texture
from lprnet.scenes.car import (
    TOLD_FROM,
    Plane,
    draw_badge,
    draw_car,
    draw_lamp,
    draw_no_plate,
    metal,
    paint,
    rounded,
    taxi_sign,
)
from lprnet.scenes.frames import recolour
from lprnet.scenes.lettering import Mask, any_style, fill, line, word
from lprnet.scenes.placing import blend, stamp, tilted
from lprnet.scenes.printed import any_printed
from lprnet.scenes.scene import Floats, Image, floats

Color = tuple[float, float, float]
Draw = Callable[[Generator, int], Image]
"""A patch uint8[h,w,3], about so many pixels wide."""


def _color(rng: Generator) -> Color:
    base = rng.uniform(0, 255)
    spread = 60 if rng.random() < 0.5 else 8
    b, g, r = np.clip(base + rng.normal(0, spread, 3), 0, 255)
    return float(b), float(g), float(r)


def _contrast(rng: Generator, color: Color) -> Color:
    """A colour far from *color* in brightness."""
    bright = sum(color) / 3
    other = rng.uniform(0, max(bright - 90, 10)) if bright > 127 else rng.uniform(min(bright + 90, 245), 255)
    b, g, r = np.clip(other + rng.normal(0, 20, 3), 0, 255)
    return float(b), float(g), float(r)


def _patch(width: int, height: int, color: Color) -> Image:
    patch = np.empty((max(height, 3), max(width, 4), 3), np.uint8)
    patch[:] = np.array(color, np.uint8)
    return patch


def _write(patch: Image, text: str, style: int, color: Color, box: tuple[float, float, float, float]) -> None:
    """A line of text in *box* (left, top, right, bottom in shares of the patch), in place."""
    height, width = patch.shape[:2]
    left, top = round(box[0] * width), round(box[1] * height)
    right, bottom = max(round(box[2] * width), left + 3), max(round(box[3] * height), top + 3)
    _overlay(patch, line(text, style, right - left, bottom - top), left, top, np.array(color, np.uint8))


def _board(rng: Generator, width: int) -> Image:
    """A sign of two to five lines, as at shops and kerbs."""
    lines = int(rng.integers(2, 6))
    ground = _color(rng)
    patch = _patch(width, round(width * rng.uniform(0.14, 0.3) * lines), ground)
    color, style = _contrast(rng, ground), any_style(rng)
    for i in range(lines):
        text = " ".join(
            word(rng, 2, 9) if rng.random() < 0.75 else fill(rng, "### ###")
            for _ in range(int(rng.integers(1, 4)))
        )
        inset = rng.uniform(0.03, 0.2)
        box = inset, (i + 0.15) / lines, 1 - inset, (i + rng.uniform(0.55, 0.9)) / lines
        _write(patch, text, style, color, box)
    return patch


def _shop(rng: Generator, width: int) -> Image:
    """A shop's sign: a line or two in any script, lit or flat."""
    ground = _color(rng)
    height = round(width * (rng.uniform(0.1, 0.2) if rng.random() < 0.5 else rng.uniform(0.25, 0.6)))
    patch = _patch(width, height, ground)
    if rng.random() < 0.4:
        patch[:] = metal(patch.shape[0], patch.shape[1], np.array(ground, np.float32), rng.uniform(-0.5, 0.5))
    color = np.array(_contrast(rng, ground), np.uint8)
    lines = 1 if rng.random() < 0.7 else 2
    for i in range(lines):
        # Some tell the time, or a price: numbers, but no plate's.
        mask = any_printed(rng, "clock" if rng.random() < 0.1 else "shop")
        tall = patch.shape[0] / lines * rng.uniform(0.4, 0.85)
        tall = min(tall, 0.94 * width * mask.shape[0] / mask.shape[1])
        size = max(round(tall * mask.shape[1] / mask.shape[0]), 3), max(round(tall), 3)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)
        left = round((width - size[0]) * (0.5 if rng.random() < 0.6 else rng.uniform(0, 1)))
        _overlay(patch, mask, left, round(patch.shape[0] * (i + 0.5) / lines - size[1] / 2), color)
    return patch


def _grille(rng: Generator, width: int) -> Image:
    """Bars, slots or a mesh: grilles, fences, vents, radiators, crossings."""
    height = max(round(width * rng.uniform(0.12, 0.6)), 4)
    ground = _color(rng)
    patch = _patch(width, height, ground)
    color = _contrast(rng, ground) if rng.random() < 0.6 else _color(rng)
    kind = rng.integers(3)
    if kind != 1:
        for x in np.arange(0, width, max(width / rng.integers(5, 24), 2)):
            cv2.line(patch, (int(x), 0), (int(x), height), color, int(rng.integers(1, 3)))
    if kind != 0:
        for y in np.arange(0, height, max(height / rng.integers(2, 8), 2)):
            cv2.line(patch, (0, int(y)), (width, int(y)), color, int(rng.integers(1, 3)))
    return patch


def _blank(rng: Generator, width: int) -> Image:
    """A panel shaped like a plate but empty, perhaps with a rim, bolts or a strip."""
    ground = _color(rng)
    height = round(width * rng.uniform(0.2, 0.55))
    patch = _patch(width, height, ground)
    edge = _contrast(rng, ground) if rng.random() < 0.5 else _color(rng)
    if rng.random() < 0.6:
        cv2.rectangle(patch, (1, 1), (width - 2, patch.shape[0] - 2), edge, int(rng.integers(1, 3)))
    if rng.random() < 0.4:
        cv2.line(patch, (0, height // 2), (width, height // 2), edge, int(rng.integers(1, 3)))
    if rng.random() < 0.3:
        patch[:, : width // 10] = np.array(_color(rng), np.uint8)
    return patch


def _window(rng: Generator, width: int) -> Image:
    """Panes in a frame, or a mirror: bright sky over dark."""
    height = round(width * rng.uniform(0.3, 0.9))
    rows = np.linspace(rng.uniform(60, 255), rng.uniform(0, 160), max(height, 3))[:, None, None]
    patch = np.repeat(np.clip(rows + rng.normal(0, 12, 3), 0, 255), width, 1).astype(np.uint8)
    color, across = _color(rng), int(rng.integers(1, 5))
    for x in np.linspace(0, width - 1, across + 1):
        cv2.line(patch, (int(x), 0), (int(x), height), color, max(width // 40, 1))
    cv2.rectangle(patch, (0, 0), (width - 1, height - 1), color, max(width // 30, 1))
    return patch


_ON_GROUND: tuple[tuple[Draw, float], ...] = (
    (_board, 0.24),
    (_shop, 0.28),
    (_grille, 0.18),
    (_blank, 0.15),
    (_window, 0.15),
)
_DRAWS = Shares(np.cumsum([share for _, share in _ON_GROUND]) * (1 + 1e-12))


def _lettering(rng: Generator, plane: Plane) -> None:
    """A maker's or a model's name in chrome, or a company's or a number in paint, on what is there."""
    chrome = 0.0 if rng.random() < 0.4 else rng.uniform(0.4, 1)
    mask = any_printed(rng, "model" if chrome or rng.random() < 0.3 else "company")
    ink = floats([200, 203, 206]) * np.float32(rng.uniform(0.5, 1.25)) if chrome else _ink(rng)
    if rng.random() < 0.12:
        mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)
    tall = mask.shape[0] / mask.shape[1]
    if rng.random() < 0.5:
        ground = paint(rng)
        # Far larger than the word: a body, not a sign with a number, which would be a plate in all but name.
        _body(rng, plane, 0.5 + rng.uniform(0.6, 2), tall * rng.uniform(2, 5), ground)
    if chrome and rng.random() < 0.3:
        # Between a strip and a badge, as on boot lids.
        plane.box(-0.9, -1.9 * tall, 0.9, -1.6 * tall, ink * np.float32(0.9))
        draw_badge(rng, plane, rng.choice([-0.75, 0, 0.75]), -3.2 * tall, 2 * tall)
    plane.write(mask, -0.5, -tall / 2, tall, ink, chrome)


def _body(rng: Generator, plane: Plane, reach: float, high: float, color: Floats) -> None:
    """Painted metal, ± *reach* by ± *high*: brighter and darker bands along it, and a crease or a gap."""
    ys = np.linspace(-high, high, 9)
    gains = np.interp(ys[:-1], np.linspace(-high, high, 4), 1 + rng.normal(0, 0.22, 4))
    top, low = ys[:-1], ys[1:] + 0.03
    side = np.full(8, reach)
    points = np.stack([np.stack([-side, side, side, -side], 1), np.stack([top, top, low, low], 1)], 2)
    plane.fill_all(floats(points), floats(np.clip(gains, 0.3, 1.6)[:, None] * color))
    if rng.random() < 0.6:
        y = rng.choice([-1, 1]) * rng.uniform(0.4, 0.9) * high
        plane.box(-reach, y, reach, y + 0.025, color * np.float32(0.4))


def _reflector(rng: Generator, plane: Plane) -> None:
    """A reflector, an indicator or a fog lamp: a coloured bar with ribs, sharp or rounded, on a body."""
    tall = rng.uniform(0.07, 0.2)
    if rng.random() < 0.8:
        _body(rng, plane, rng.uniform(0.8, 1.6), rng.uniform(0.5, 1), paint(rng))
    tints = ((35, 25, 190), (35, 25, 190), (25, 120, 235), (225, 225, 220), (60, 200, 240))
    color = floats(tints[int(rng.integers(len(tints)))]) * np.float32(rng.uniform(0.45, 1.15))
    power = float(rng.choice([3, 8, 30]))
    plane.fill(
        rounded(-0.53, -tall - 0.03, 0.53, tall + 0.03, power), color * np.float32(rng.choice([0.3, 1.4]))
    )
    plane.fill(rounded(-0.5, -tall, 0.5, tall, power), color)
    count = int(rng.integers(0, 12)) if plane.scale > 25 else 0
    for x in np.linspace(-0.45, 0.45, count + 2)[1:-1].tolist():
        plane.box(
            x, -0.9 * tall, x + 0.35 / (count + 1), 0.9 * tall, color * np.float32(rng.uniform(0.7, 1.25))
        )
    if rng.random() < 0.5:
        x = rng.uniform(-0.4, 0.2)
        plane.fill(rounded(x, -0.7 * tall, x + 0.25, 0.2 * tall, 2), color * np.float32(0.5) + 110)


def _ink(rng: Generator) -> Floats:
    return np.array(_color(rng), np.float32)


def _emblem(rng: Generator, plane: Plane) -> None:
    if rng.random() < 0.4:
        plane.fill(rounded(-1.2, -1, 1.2, 1, 6), paint(rng))
    draw_badge(rng, plane, 0, 0, rng.uniform(0.6, 1))


def _lamp(rng: Generator, plane: Plane) -> None:
    """A head or tail lamp alone: often one end of a car is hidden, dark or beyond the edge."""
    tall = rng.uniform(0.1, 0.4)
    if rng.random() < 0.6:
        plane.fill(rounded(-0.9, -0.8, 0.7, 0.9, 6), paint(rng))
    draw_lamp(rng, plane, (-0.5, -tall, 0.5, tall), rng.random() < 0.6, alone=True)


def _holder(rng: Generator, plane: Plane) -> None:
    """A plate's place without a plate, on a body that nothing else is seen of."""
    color = paint(rng)
    plane.fill(rounded(-1.1, -0.9, 1.1, 0.7, 8), color)
    tall = 0.11 if rng.random() < 0.6 else 0.25
    plane.box(-0.58, -tall * 1.5, 0.58, tall * 1.4, color * np.float32(rng.uniform(0.4, 1.1)))
    draw_no_plate(rng, plane, (0.5, tall))


def _taxi(rng: Generator, plane: Plane) -> None:
    taxi_sign(rng, plane, 0, 0.15)


def _handle(rng: Generator, plane: Plane) -> None:
    """A door's handle over its hollow, in chrome or in the colour of the door."""
    color = paint(rng)
    plane.fill(rounded(-1.1, -0.8, 1.1, 0.8, 6), color)
    plane.fill(rounded(-0.35, -0.24, 0.35, 0.2, 3), color * np.float32(rng.uniform(0.4, 0.85)))
    bar = floats([205, 207, 210]) if rng.random() < 0.5 else color * np.float32(1.1)
    tall = rng.uniform(0.06, 0.14)
    plane.fill(rounded(-0.5, -0.6 * tall, 0.5, 1.4 * tall, 5), color * np.float32(0.35))
    plane.fill(rounded(-0.5, -tall, 0.5, tall, 5), bar * np.float32(0.8))
    plane.fill(rounded(-0.48, -tall, 0.48, 0.2 * tall, 5), bar * np.float32(1.15))


_ON_CARS: tuple[tuple[Callable[[Generator, Plane], None], float], ...] = (
    (_lettering, 0.35),
    (_emblem, 0.18),
    (_lamp, 0.18),
    (_reflector, 0.08),
    (_holder, 0.1),
    (_taxi, 0.06),
    (_handle, 0.05),
)
_PARTS = Shares(np.cumsum([share for _, share in _ON_CARS]) * (1 + 1e-12))


def _road(rng: Generator, canvas: Image, center: Floats, width: float) -> None:
    """Numbers or words on a road, a kerb or a wall in worn paint, seen at a flat angle, in place."""
    mask = any_printed(rng, "road")
    height, across = mask.shape
    tall = width * rng.uniform(0.12, 0.6)
    far = rng.uniform(0.6, 1) if rng.random() < 0.7 else 1.0
    shear = rng.normal(0, 0.3)
    corners = np.array([[-far, -1], [far, -1], [1, 1], [-1, 1]], np.float32) * floats([width / 2, tall / 2])
    corners[:, 0] -= corners[:, 1] * np.float32(shear)
    corners[:, 1] += corners[:, 0] * np.float32(rng.normal(0, 0.05))
    worn = texture(rng, height, across, int(rng.integers(1, 4)))[:, :, 0]
    cover = mask * np.clip(rng.uniform(0.5, 1.3) + 0.4 * worn, 0.1, 1)
    ink = np.array(((235, 235, 235), (60, 190, 230), (40, 40, 40))[int(rng.choice(3, p=[0.65, 0.25, 0.1]))])
    face = np.empty((height, across, 3), np.uint8)
    face[:] = np.clip(ink * rng.uniform(0.6, 1.05), 0, 255).astype(np.uint8)
    stamp(canvas, face, corners + center, cover=np.asarray(cover, np.uint8))


_CLOCK_INKS = ((255, 255, 255), (0, 255, 255), (60, 255, 60), (40, 40, 255), (255, 160, 40), (10, 10, 10))
_CLOCK_SHARES = (0.6, 0.12, 0.08, 0.08, 0.05, 0.07)


def clock(rng: Generator, canvas: Image) -> None:
    """A camera's clock, place and name, or a watermark: one to four lines, most at an edge; in place."""
    height, width = canvas.shape[:2]
    tall = int(np.clip(np.exp(rng.uniform(np.log(4), np.log(22))), 4, height // 4))
    color = np.array(_CLOCK_INKS[int(rng.choice(len(_CLOCK_INKS), p=_CLOCK_SHARES))], np.uint8)
    x = round(width * rng.choice([rng.uniform(0, 0.08), rng.uniform(0, 0.7)]))
    y = int(rng.choice([rng.integers(1, 8), height - 2 * tall - 4, rng.integers(0, max(height - tall, 1))]))
    style = rng.random()
    sort, lines = ("clock", int(rng.integers(1, 4))) if rng.random() < 0.85 else ("company", 1)
    thin = rng.uniform(0.55, 1.1)
    for _ in range(lines):
        mask = any_printed(rng, sort)
        size = max(round(tall * thin * mask.shape[1] / mask.shape[0]), 4), tall
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)
        if style < 0.2:
            pad = max(tall // 5, 1)
            band = canvas[max(y - pad, 0) : max(y + tall + pad, 0), max(x - pad, 0) : x + size[0] + pad]
            band[:] = band // 4 if style < 0.12 else 255 - color
        elif style < 0.5:
            grown = cv2.dilate(
                cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.ones((3, 3), np.uint8)
            )
            _overlay(canvas, np.asarray(grown, np.uint8), x - 1, y - 1, 255 - color)
        elif style < 0.6:
            _overlay(canvas, mask, x + 1, y + 1, 255 - color)
        elif style < 0.7:
            mask = mask // 2
        _overlay(canvas, mask, x, y, color)
        y += tall + max(round(tall * rng.uniform(0.2, 0.6)), 1)


def _overlay(canvas: Image, mask: Mask, left: int, top: int, color: Image) -> None:
    """One colour over *canvas* where *mask* is, in place; what falls outside is cut off."""
    x, y = max(left, 0), max(top, 0)
    mask = mask[y - top : max(canvas.shape[0] - top, 0), x - left : max(canvas.shape[1] - left, 0)]
    if mask.size:
        place = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
        solid = np.empty_like(place)
        solid[:] = color
        blend(place, solid, np.ascontiguousarray(mask))


_KERB_PAINTS: tuple[tuple[Color | None, Color], ...] = (
    ((232, 234, 234), (25, 25, 28)),
    (None, (25, 25, 28)),
    (None, (235, 235, 235)),
    ((28, 28, 28), (235, 235, 235)),
    ((95, 70, 20), (235, 235, 235)),
    ((60, 95, 30), (235, 235, 235)),
    ((45, 190, 235), (25, 25, 28)),
)
"""Ground, if there is one, and ink of numbers on kerbs."""
_BLOCKS: tuple[tuple[Color, Color], ...] = (
    ((50, 185, 230), (40, 40, 42)),
    ((50, 185, 230), (190, 195, 195)),
    ((225, 225, 225), (45, 40, 185)),
    ((225, 225, 225), (35, 35, 35)),
    ((50, 185, 230), (150, 155, 158)),
)


def _kerb(rng: Generator, canvas: Image, center: Floats, width: float) -> None:
    """A kerb from edge to edge, with a house's number in paint or in blocks of two colours, in place.

    A number's ground has no rim, ends raggedly and shows the concrete; many read the other way up.
    """
    roll = np.radians(rng.normal(0, 5))
    tall = width * (rng.uniform(0.25, 0.5) if rng.random() < 0.8 else rng.uniform(0.5, 0.8))
    across = floats([np.cos(roll), np.sin(roll)]) * np.float32(width)
    down = floats([-np.sin(roll) + rng.normal(0, 0.1), np.cos(roll)]) * np.float32(tall)
    plane = Plane(canvas, center, across, down)
    concrete = floats([150, 158, 162]) * np.float32(rng.uniform(0.55, 1.35)) + floats(rng.normal(0, 5, 3))
    far = float(np.clip(2 * max(canvas.shape) / width, 2, 60))
    plane.box(-far, 0.6, far, 4, concrete * np.float32(rng.uniform(0.35, 0.8)))
    top = rng.uniform(0.25, 0.8)
    plane.box(-far, -0.6 - top, far, -0.55, concrete * np.float32(rng.uniform(1.05, 1.3)))
    plane.box(-far, -0.6, far, 0.6, concrete * np.float32(rng.uniform(0.85, 1)))
    if rng.random() < 0.3:
        first, second = _BLOCKS[int(rng.integers(len(_BLOCKS)))]
        start, long = -rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.4)
        gain = np.float32(rng.uniform(0.6, 1.05))
        high = -0.6 - (top if rng.random() < 0.6 else 0)
        for k in range(-int(rng.integers(0, 4)), int(rng.integers(1, 5))):
            color = floats(first if k % 2 == 0 else second) * gain
            plane.box(start + k * long, high, start + (k + 1) * long, 0.55, color)
            plane.box(start + k * long, high, start + (k + 1) * long, -0.58, color * np.float32(1.12))
        return
    for x in -rng.uniform(0.6, 1.2), rng.uniform(0.6, 1.2):
        # Joints between stones.
        plane.box(x, -0.6 - top, x + 0.02, 0.6, concrete * np.float32(0.5))
    ground, ink = _KERB_PAINTS[int(rng.choice(len(_KERB_PAINTS), p=(0.5, 0.12, 0.1, 0.08, 0.08, 0.06, 0.06)))]
    face, cover = _stencilled(rng, ground, ink)
    half = rng.uniform(0.35, 0.5), rng.uniform(0.38, 0.62)
    corners = plane.at([[-half[0], -half[1]], [half[0], -half[1]], [half[0], half[1]], [-half[0], half[1]]])
    if rng.random() < 0.5:
        corners = corners[[2, 3, 0, 1]]
    stamp(canvas, face, corners, cover=cover)


def _stencilled(rng: Generator, ground: Color | None, ink: Color) -> tuple[Image, Mask]:
    """A number in worn paint: picture uint8[h,w,3] and coverage uint8[h,w]."""
    digits = any_printed(rng, "house")
    above, beside = (round(digits.shape[0] * rng.uniform(0.1, 0.45)) for _ in range(2))
    gap = above, max(above + int(rng.normal(0, 4)), 2), beside, beside
    digits = np.asarray(cv2.copyMakeBorder(digits, *gap, cv2.BORDER_CONSTANT, value=0), np.uint8)
    height, width = digits.shape
    rough = texture(rng, height, width, int(rng.integers(1, 4)))[:, :, 0]
    face = np.empty((height, width, 3), np.uint8)
    gain = rng.uniform(0.65, 1.05)
    face[:] = np.clip(floats(ink) * gain + 15, 0, 255).astype(np.uint8)
    if ground is None:
        cover = digits * np.clip(rng.uniform(0.6, 1.2) + 0.35 * rough, 0.1, 1)
        return face, np.asarray(cover, np.uint8)
    sheet = np.empty_like(face)
    sheet[:] = np.clip(floats(ground) * gain, 0, 255).astype(np.uint8)
    blend(sheet, face, np.asarray(digits * np.clip(rng.uniform(0.7, 1.3) + 0.3 * rough, 0.2, 1), np.uint8))
    edge = rng.uniform(1.5, 5)
    x = np.minimum(np.arange(width), np.arange(width)[::-1])[None]
    y = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
    inside = np.clip((np.minimum(x, y) + rng.uniform(0, 2) * rough) / edge, 0, 1)
    worn = np.clip(rng.uniform(0.65, 1.4) + rng.uniform(0.1, 0.35) * rough, 0.15, 1)
    return sheet, np.asarray(255 * inside * worn, np.uint8)


@lru_cache(maxsize=8)
def _faded(height: int, width: int) -> Mask:
    """Coverage uint8[height,width]: all in the middle half, nothing at the edges."""
    x, y = (np.minimum(np.arange(n) + 1, n - np.arange(n)) / (0.2 * n) for n in (width, height))
    return np.asarray(255 * np.clip(np.minimum(x[None], y[:, None]), 0, 1), np.uint8)


def distract(
    rng: Generator, canvas: Image, center: Floats, width: float, found: tuple[Image, ...] = ()
) -> None:
    """Draw one distractor about *width* pixels wide around *center* (x, y), in place.

    Args:
        rng: source of every random choice.
        canvas: uint8[H,W,3] BGR.
        center: float32[2].
        width: px.
        found: patches uint8[h,w,3] that a network took for plates (`lprnet.training.locator_mining`); two
            of five distractors are some of these, where there are any.
    """
    choice = rng.random()
    if found and choice < 0.4:
        patch = found[int(rng.integers(len(found)))]
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        # A patch has as much around it as inside it, which fades into the scene: its edges are no plate's.
        corners = tilted(rng, 2 * width, 2 * width * patch.shape[0] / patch.shape[1], 0.3) + center
        stamp(canvas, recolour(rng, np.ascontiguousarray(patch)), corners, cover=_faded(*patch.shape[:2]))
        return
    choice = rng.random()
    if choice < 0.55:
        corners = tilted(rng, width, width, rng.choice([0.3, 1])) + center
        across, down = corners[1] - corners[0], corners[3] - corners[0]
        part = _ON_CARS[_PARTS.draw(rng)][0]
        if part is _taxi and width < TOLD_FROM:
            part = _lettering
        part(rng, Plane(canvas, center, across, down))
        return
    if choice < 0.61:
        _road(rng, canvas, center, width)
        return
    if choice < 0.72:
        _kerb(rng, canvas, center, width)
        return
    if choice < 0.75:
        corners = tilted(rng, width / 3, width / 10, 0.5) + center
        draw_car(rng, canvas, corners, without=True)
        return
    draw = _ON_GROUND[_DRAWS.draw(rng)][0]
    if width < TOLD_FROM and draw in (_blank, _shop) and (draw is _blank or rng.random() < 0.7):
        draw = _grille
    patch = draw(rng, max(round(min(width, 220)), 8))
    corners = tilted(rng, width, width * patch.shape[0] / patch.shape[1], 0.7) + center
    stamp(canvas, patch, corners.astype(np.float32))
