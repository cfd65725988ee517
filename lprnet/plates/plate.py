"""A plate seen from the front, before any camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.europe import BAND
from lprnet.plates.glyphs import CHINESE_STYLES, LATIN_STYLES, SQUARER, glyph, is_chinese
from lprnet.plates.kinds import is_mark, random_kind, random_text
from lprnet.plates.layout import Color, Kind
from lprnet.plates.pixels import Floats, Image, in_row, per_channel

SCALE = 0.5
"""px per mm: a 440 mm plate is 220 px wide, 2.3 times what the reader sees."""


@dataclass(frozen=True)
class Plate:
    """A plate and what is on it.

    Attributes:
        text: the characters, in the order in which they are read.
        kind: what it looks like.
        image: uint8[H,W,3] BGR at `SCALE`.
    """

    text: str
    kind: Kind
    image: Image


def random_plate(rng: Generator, kind: str | None = None, text: str | None = None) -> Plate:
    """Draw a plate with the wear, mounting and paint that plates come with.

    Args:
        rng: source of every random choice.
        kind: a name in `KINDS` or `MIXES`; drawn from the default mix if None.
        text: what to write; random and fitting to *kind* if None.

    Raises:
        KeyError: no such kind or mix, or a character without a glyph.
        ValueError: *text* has another length than *kind* has places.
    """
    layout = random_kind(rng, kind)
    text = random_text(rng, layout.name) if text is None else text
    ink = _ink(rng, layout, text)
    image = _paint(rng, layout, text, ink)
    _mount(rng, image)
    return Plate(text, layout, image)


def _ink(rng: Generator, kind: Kind, text: str) -> Image:
    height, width = round(kind.height * SCALE), round(kind.width * SCALE)
    mask = np.zeros((height, width), np.uint8)
    latin, chinese = _styles(rng, kind)
    # Some presses and fonts run smaller or larger than the standard's box, and sit off centre.
    grow = rng.normal(0, 0.02)
    dx, dy = rng.normal(0, 1.2, 2)
    for character, cell in zip(text, kind.cells, strict=True):
        # The standard's Chinese characters are drawn by hand; no font fills the box quite like them.
        wide, tall = rng.uniform(0.88, 1.05), rng.uniform(0.9, 1.04)
        style, sx, sy = (chinese, wide, tall) if is_chinese(character) else (latin, 1.0, 1.0)
        w = round(cell.width * sx * (1 + grow) * SCALE)
        h = round(cell.height * sy * (1 + grow) * SCALE)
        x = min(max(round((cell.left + cell.width / 2 + dx) * SCALE - w / 2), 0), width - w)
        y = min(max(round((cell.top + cell.height / 2 + dy) * SCALE - h / 2), 0), height - h)
        drawn = glyph(character, style, w, h)
        mask[y : y + h, x : x + w] = _redrawn(rng, drawn) if is_chinese(character) else drawn
    if kind.dot and rng.random() < 0.85:
        center = (round(kind.dot[0] * SCALE * 16), round(kind.dot[1] * SCALE * 16))
        cv2.circle(mask, center, round(5 * SCALE * 16), 255, -1, cv2.LINE_AA, 4)
    for x in kind.dashes:
        half, y = round(8 * SCALE), height // 2
        mask[y - 2 : y + 2, round(x * SCALE) - half : round(x * SCALE) + half] = 255
    return mask


def _redrawn(rng: Generator, mask: Image) -> Image:
    """The character with its parts and strokes in other proportions, as another hand would draw it."""
    height, width = mask.shape
    x, y = (_stretch(rng, n, deviation) for n, deviation in ((width, 0.25), (height, 0.15)))
    drawn = cv2.remap(mask, *np.meshgrid(x, y), cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(drawn, (0, 0), 0.8).astype(np.float32)
        drawn = np.clip((soft - 128) * np.float32(1.6) + np.float32(rng.uniform(80, 200)), 0, 255)
    return drawn.astype(np.uint8)


def _stretch(rng: Generator, size: int, deviation: float) -> Floats:
    """Where each of *size* pixels comes from: the same ends, stretched and squeezed in between."""
    knots = np.concatenate([[0.0], np.cumsum(np.exp(rng.normal(0, deviation, 4)))])
    return np.interp(np.linspace(0, 4, size), np.arange(5), knots / knots[-1] * (size - 1)).astype(np.float32)


def _styles(rng: Generator, kind: Kind) -> tuple[int, int]:
    if kind.squarer and rng.random() < kind.squarer:
        latin = LATIN_STYLES + int(rng.integers(len(SQUARER)))
    elif rng.random() < kind.fonts:
        latin = LATIN_STYLES - 1 - int(rng.integers(2))
    else:
        latin = int(rng.integers(4))
    return latin, int(rng.integers(CHINESE_STYLES))


def _vary(rng: Generator, color: Color, amount: float) -> Floats:
    return np.clip(np.array(color, np.float32) + rng.normal(0, amount, 3), 0, 255).astype(np.float32)


def _paint(rng: Generator, kind: Kind, text: str, mask: Image) -> Image:
    height, width = mask.shape
    top = _vary(rng, kind.background[0], 14)
    if len(kind.background) == 2:
        bottom = _vary(rng, kind.background[1], 14)
        ramp = np.linspace(rng.uniform(-0.3, 0.1), 1, height, dtype=np.float32).clip(0, 1)[:, None]
        ground = in_row(top, width) * (1 - ramp) + in_row(bottom, width) * ramp
    else:
        ground = in_row(top, width)
    if kind.field is not None:
        edge = round((kind.cells[2].left - 8) * SCALE)
        ground[:, : 3 * edge] = in_row(_vary(rng, kind.field, 14), edge)
    ink = _vary(rng, kind.ink, 12)
    alpha = per_channel(mask * np.float32(rng.uniform(0.8, 1.0) / 255))
    rows = (in_row(ink, width) - ground) * alpha
    rows += ground
    if kind.marks is not None:
        marks = in_row(_vary(rng, kind.marks, 12), width)
        for character, cell in zip(text, kind.cells, strict=True):
            if is_mark(character):
                x = slice(3 * round((cell.left - 3) * SCALE), 3 * round((cell.left + cell.width + 3) * SCALE))
                rows[:, x] = ground[:, x] + (marks[:, x] - ground[:, x]) * alpha[:, x]
    image = rows.reshape(height, width, 3)
    if kind.border and rng.random() < 0.85:
        inset = round(rng.uniform(2, 6) * SCALE)
        line = ink if kind.name != "green-small" else np.full(3, 40, np.float32)
        _border(image, inset, line, np.float32(rng.uniform(0.5, 1)))
    if kind.name.startswith("green") and rng.random() < 0.8:
        _emblem(rng, image, kind)
    if kind.country:
        _band(rng, image, kind.country)
    for middle in kind.seals:
        _seals(rng, image, middle)
    return np.clip(image, 0, 255).astype(np.uint8)


def _border(image: Floats, inset: int, color: Floats, cover: np.float32) -> None:
    """A rectangle one pixel wide, *inset* from the plate's edge, in place."""
    inner = slice(inset, -inset or None)
    far = -1 - inset
    for side in (
        image[inset, inner],
        image[far, inner],
        image[inset + 1 : far, inset],
        image[inset + 1 : far, far],
    ):
        side += (color - side) * cover


def _emblem(rng: Generator, image: Floats, kind: Kind) -> None:
    """The new-energy sign in the gap after the second character: a green ring with a plug."""
    x = (kind.cells[1].left + kind.cells[1].width + 24.5) * SCALE
    center = (round(x), round(rng.uniform(50, 70) * SCALE))
    cv2.circle(image, center, round(17 * SCALE), (90, 130, 30), 2, cv2.LINE_AA)
    cv2.line(image, (center[0] - 4, center[1]), (center[0] + 4, center[1]), (90, 130, 30), 2, cv2.LINE_AA)


def _band(rng: Generator, image: Floats, country: str) -> None:
    """The blue band at the left: a ring of stars over the country's letters."""
    height, width = image.shape[0], round(BAND * SCALE)
    image[:, :width] = _vary(rng, (150, 52, 5), 14)
    star = tuple(float(v) for v in _vary(rng, (40, 205, 250), 10))
    white = _vary(rng, (235, 235, 235), 10)
    for angle in np.arange(12) * (np.pi / 6):
        center = (width / 2 + 14 * SCALE * np.cos(angle), 32 * SCALE + 14 * SCALE * np.sin(angle))
        cv2.circle(image, (round(center[0] * 16), round(center[1] * 16)), 14, star, -1, cv2.LINE_AA, 4)
    w, h = round((14 if len(country) > 1 else 18) * SCALE), round(26 * SCALE)
    left, top = (width - len(country) * (w + 1)) // 2, height - h - round(9 * SCALE)
    for character in country:
        alpha = glyph(character, 1, w, h)[:, :, None] / np.float32(255)
        place = image[top : top + h, left : left + w]
        place += (white - place) * alpha
        left += w + 1


def _seals(rng: Generator, image: Floats, x: float) -> None:
    """Stickers between the groups: the one of the inspection, in the year's colour, over the state's."""
    for y, radius, share in ((36, 17, 0.6), (76, 19, 0.95)):
        if rng.random() < share:
            color = tuple(float(v) for v in rng.uniform(30, 235) + rng.normal(0, 50, 3))
            center = (round((x + rng.normal(0, 1.5)) * SCALE), round(y * SCALE))
            cv2.circle(image, center, round(radius * SCALE), color, -1, cv2.LINE_AA)
            cv2.circle(
                image, center, round(radius * SCALE * 0.5), tuple(v * 0.7 for v in color), 1, cv2.LINE_AA
            )


def _mount(rng: Generator, image: Image) -> None:
    """Bolts in the standard's holes and frames that reach into the plate, in place."""
    height, width = image.shape[:2]
    if rng.random() < 0.6:
        bright = rng.uniform(60, 245)
        color = tuple(float(v) for v in np.clip(bright + rng.normal(0, 12, 3), 0, 255))
        radius = int(rng.integers(3, 6))
        for x in (0.25, 0.75):
            for y in (9, height - 9):
                if rng.random() < (0.85 if y == 9 else 0.35):
                    center = (round(x * width + rng.normal(0, 3)), round(y + rng.normal(0, 2)))
                    cv2.circle(image, center, radius, color, -1, cv2.LINE_AA)
                    cv2.circle(image, center, radius, tuple(v * 0.6 for v in color), 1, cv2.LINE_AA)
    if rng.random() < 0.15:
        thickness = int(rng.integers(2, 8))
        shade = tuple(float(v) for v in rng.uniform(0, 255) + rng.normal(0, 10, 3))
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), shade, thickness)
