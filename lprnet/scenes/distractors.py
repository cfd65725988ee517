"""What looks a little like a plate and is none: drawn into a scene so that it is learnt as background."""

from __future__ import annotations

from collections.abc import Callable

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
    if rng.random() < 0.3:
        ground = paint(rng)
        # Far larger than the word: a body, not a sign with a number, which would be a plate in all but name.
        reach = 0.5 + rng.uniform(0.6, 2)
        high = tall * rng.uniform(2, 5)
        plane.box(-reach, -high, reach, high, ground)
    plane.write(mask, -0.5, -tall / 2, tall, ink, chrome)


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
    (_lamp, 0.25),
    (_holder, 0.11),
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


def distract(
    rng: Generator, canvas: Image, center: Floats, width: float, found: tuple[Image, ...] = ()
) -> None:
    """Draw one distractor about *width* pixels wide around *center* (x, y), in place.

    Args:
        rng: source of every random choice.
        canvas: uint8[H,W,3] BGR.
        center: float32[2].
        width: px.
        found: patches uint8[h,w,3] that a network took for plates (`lprnet.training.locator_mining`); half of
            the distractors are some of these, where there are any.
    """
    choice = rng.random()
    if found and choice < 0.5:
        patch = found[int(rng.integers(len(found)))]
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        # A patch has as much around it as inside it, so that its edges are no edges of a plate.
        corners = tilted(rng, 2 * width, 2 * width * patch.shape[0] / patch.shape[1], 0.3) + center
        stamp(canvas, np.ascontiguousarray(patch), corners)
        return
    choice = rng.random()
    if choice < 0.6:
        corners = tilted(rng, width, width, rng.choice([0.3, 1])) + center
        across, down = corners[1] - corners[0], corners[3] - corners[0]
        part = _ON_CARS[_PARTS.draw(rng)][0]
        if part is _taxi and width < TOLD_FROM:
            part = _lettering
        part(rng, Plane(canvas, center, across, down))
        return
    if choice < 0.68:
        _road(rng, canvas, center, width)
        return
    if choice < 0.72:
        corners = tilted(rng, width / 3, width / 10, 0.5) + center
        draw_car(rng, canvas, corners, without=True)
        return
    draw = _ON_GROUND[_DRAWS.draw(rng)][0]
    if width < TOLD_FROM and draw in (_blank, _shop) and (draw is _blank or rng.random() < 0.7):
        draw = _grille
    patch = draw(rng, max(round(min(width, 220)), 8))
    corners = tilted(rng, width, width * patch.shape[0] / patch.shape[1], 0.7) + center
    stamp(canvas, patch, corners.astype(np.float32))
