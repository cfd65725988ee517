"""A plate seen from the front, before any camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.glyphs import (
    CHINESE_STYLES,
    HANGUL_STYLES,
    LATIN_STYLES,
    SQUARER,
    glyph,
    is_chinese,
    is_hangul,
    natural_width,
    random_style,
)
from lprnet.plates.kinds import is_mark, random_series
from lprnet.plates.layout import Caption, Color, Kind
from lprnet.plates.pixels import LEVELS, Floats, Image, between, in_row, per_channel
from lprnet.plates.redraw import redrawn
from lprnet.plates.series import BAND, plain

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
    series = random_series(rng, kind)
    marked = series.random_text(rng) if text is None else series.marked(text)
    layout, text = series.layout(rng, marked), plain(marked)
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
    dx, dy = rng.normal(0, 1.2, 2).tolist()
    for character, cell in zip(text, kind.cells, strict=True):
        # The standard's Chinese characters are drawn by hand; no font fills the box quite like them.
        wide, tall = rng.random(2).tolist()
        style, sx, sy = latin, 1.0, 1.0
        if is_chinese(character):
            style, sx, sy = chinese, 0.88 + (1.05 - 0.88) * wide, 0.9 + (1.04 - 0.9) * tall
        if style >= 100 and kind.style is None:
            # A face in cells of one width: what is narrow in it stays narrow.
            sx = min(1.0, natural_width(character, style) * cell.height / cell.width)
        w = min(max(round(cell.width * sx * (1 + grow) * SCALE), 2), width)
        h = min(max(round(cell.height * sy * (1 + grow) * SCALE), 2), height)
        x = min(max(round((cell.left + cell.width / 2 + dx) * SCALE - w / 2), 0), width - w)
        y = min(max(round((cell.top + cell.height / 2 + dy) * SCALE - h / 2), 0), height - h)
        drawn = glyph(character, style, w, h)
        place = mask[y : y + h, x : x + w]
        np.maximum(place, redrawn(rng, drawn) if is_chinese(character) else drawn, out=place)
    if kind.dot and rng.random() < 0.85:
        _dot(mask, kind.dot, 5)
    for middle in kind.dots:
        _dot(mask, middle, 4.5)
    if kind.dashes:
        half, thick = between(rng, 6, 11) * SCALE, max(round(between(rng, 7, 13) * SCALE), 2)
        for x, y in kind.dashes:
            left, top = round(x * SCALE - half), round(y * SCALE - thick / 2)
            mask[max(top, 0) : top + thick, max(left, 0) : round(left + 2 * half)] = 255
    return mask


def _dot(mask: Image, place: tuple[float, float], radius: float) -> None:
    center = (round(place[0] * SCALE * 16), round(place[1] * SCALE * 16))
    cv2.circle(mask, center, round(radius * SCALE * 16), 255, -1, cv2.LINE_AA, 4)


def _styles(rng: Generator, kind: Kind) -> tuple[int, int]:
    if kind.style is not None:
        latin = kind.style
    elif kind.latin and rng.random() >= kind.fonts:
        latin = random_style(rng, kind.latin)
    elif kind.squarer and rng.random() < kind.squarer:
        latin = LATIN_STYLES + int(rng.integers(len(SQUARER)))
    elif rng.random() < kind.fonts:
        latin = LATIN_STYLES - 1 - int(rng.integers(2))
    else:
        latin = int(rng.integers(4))
    # In a kind's characters, which are sorted, Hangul comes last.
    styles = HANGUL_STYLES if is_hangul(kind.characters[-1]) else CHINESE_STYLES
    return latin, int(rng.integers(styles))


def _vary(rng: Generator, color: Color, amount: float) -> Floats:
    # Plain numbers: for three NumPy's calls take much longer than its sums.
    varied = zip(rng.normal(0, amount, 3).tolist(), color, strict=True)
    return np.array([min(max(by + of, 0.0), 255.0) for by, of in varied], np.float32)


def _paint(rng: Generator, kind: Kind, text: str, mask: Image) -> Image:
    height, width = mask.shape
    top = _vary(rng, kind.background[0], 14)
    if len(kind.background) == 2:
        bottom = _vary(rng, kind.background[1], 14)
        ramp = np.linspace(between(rng, -0.3, 0.1), 1, height, dtype=np.float32).clip(0, 1)[:, None]
        # A row has one colour.
        ground = cv2.repeat(top * (1 - ramp) + bottom * ramp, 1, width)
    else:
        ground = in_row(top, width)
    uniform = len(kind.background) == 1 and kind.field is None and not kind.art
    if kind.field is not None:
        edge = round((kind.cells[2].left - 8) * SCALE)
        ground[:, : 3 * edge] = in_row(_vary(rng, kind.field, 14), edge)
    if kind.art:
        ground = _art(rng, ground)
    ink = _vary(rng, kind.ink, 12)
    cover = np.float32(between(rng, 0.8, 1.0) / 255)
    if uniform and kind.marks is None:
        # Of one colour, so that a pixel depends on the mask alone.
        colors = (ink - top) * (LEVELS * cover)[:, None] + top
        rows = cv2.LUT(cv2.merge((mask, mask, mask)), colors[None]).reshape(height, -1)
    else:
        alpha = per_channel(mask * cover)
        rows = (in_row(ink, width) - ground) * alpha
        rows += ground
    if kind.marks is not None:
        marks = in_row(_vary(rng, kind.marks, 12), width)
        for i, (character, cell) in enumerate(zip(text, kind.cells, strict=True)):
            if is_mark(character) or i < kind.marked:
                x = slice(3 * round((cell.left - 3) * SCALE), 3 * round((cell.left + cell.width + 3) * SCALE))
                rows[:, x] = ground[:, x] + (marks[:, x] - ground[:, x]) * alpha[:, x]
    if rng.random() < 0.35:
        _emboss(rng, rows, mask)
    image = rows.reshape(height, width, 3)
    if rng.random() < kind.border:
        inset = round(between(rng, 2, 6) * SCALE)
        line = ink if kind.name != "green-small" else np.full(3, 40, np.float32)
        _border(image, inset, line, np.float32(between(rng, 0.5, 1)))
    if kind.emblem and rng.random() < 0.9:
        _emblem(rng, image, kind)
    if kind.country:
        _band(rng, image, kind.country)
    if kind.plain_band is not None:
        _plain_band(rng, image, kind.plain_band)
    if kind.right:
        _right_band(rng, image, kind.right)
    if kind.top:
        strip = image[: round(kind.top_height * SCALE)]
        strip[:] = _vary(rng, (150, 52, 5), 16)
        box = (0.3 * width, 0.2 * len(strip), 0.7 * width, 0.85 * len(strip))
        _word(image, kind.top, 101, box, _vary(rng, (235, 235, 235), 10))
    if kind.divider is not None:
        image[:, round(kind.divider * SCALE)] = ink
    for middle in kind.seals:
        _seal(rng, image, kind.seal, middle)
    for caption in kind.captions:
        _caption(rng, image, caption, ink)
    return np.clip(image, 0, 255).astype(np.uint8)


def _emboss(rng: Generator, rows: Floats, mask: Image) -> None:
    """Light on one edge of the pressed characters and shade on the other, in place."""
    dx, dy = ((1, 1), (0, 1), (-1, 1))[int(rng.integers(3))]
    height, width = mask.shape
    around = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_WRAP).astype(np.float32)
    around /= np.float32(255)
    # Positive where a character ends towards the light.
    edge = around[1:-1, 1:-1] - around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    rows += per_channel(edge * np.float32(between(rng, 15, 80) * (1 if rng.random() < 0.8 else -1)))


def _art(rng: Generator, ground: Floats) -> Floats:
    """A landscape or a gradient behind the characters, float32[H,3 · W], much paler than they are."""
    height, width = ground.shape[0], ground.shape[1] // 3
    field = np.clip(235 + rng.normal(0, 35, (int(rng.integers(2, 5)), int(rng.integers(1, 5)), 3)), 120, 255)
    picture = cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        x = np.linspace(0, 1, 8) * width
        y = height * (between(rng, 0.4, 0.8) + rng.normal(0, 0.08, 8))
        ridge = np.concatenate([np.stack([x, y], 1), [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(picture, [ridge], tuple(float(v) for v in rng.uniform(150, 235, 3)))
    cover = np.float32(between(rng, 0.2, 0.8))
    return np.asarray(ground + (picture.reshape(height, -1) - ground) * cover, np.float32)


def _border(image: Floats, inset: int, color: Floats, cover: np.float32) -> None:
    """A rectangle one pixel wide, *inset* from the plate's edge, in place."""
    height, width = image.shape[:2]
    far, right = height - 1 - inset, width - 1 - inset
    # Both lines of a pair at once.
    for sides in (
        image[inset : far + 1 : far - inset, inset : right + 1],
        image[inset + 1 : far, inset : right + 1 : right - inset],
    ):
        sides += (color - sides) * cover


def _emblem(rng: Generator, image: Floats, kind: Kind) -> None:
    """The new-energy sign in the gap after the second character, printed in thin many-coloured lines.

    It is as high as a third of a character and hardly darker than the ground, with a light spot on its right.
    """
    x = (kind.cells[1].left + kind.cells[1].width + 24.5 + rng.normal(0, 1.5)) * SCALE
    center = (round(x), round(rng.normal(70, 4) * SCALE))
    size = between(rng, 8, 14) * SCALE
    shade = tuple(float(v) for v in np.clip(between(rng, 60, 220) + rng.normal(0, 35, 3), 0, 255))
    light = tuple(float(v) for v in np.clip(between(rng, 150, 245) + rng.normal(0, 30, 3), 0, 255))
    axes = round(size), round(size * between(rng, 0.8, 1.2))
    # All that is drawn on, and some pixels more.
    room = 2 * max(*axes, 1) + 4
    left, upper = max(center[0] - room, 0), max(center[1] - room, 0)
    place = image[upper : center[1] + room, left : center[0] + room]
    center = center[0] - left, center[1] - upper
    copy = place.copy()
    cv2.ellipse(copy, center, axes, 0, 0, 360, shade, -1)
    spot = (center[0] + round(size * between(rng, -0.3, 0.6)), center[1])
    cv2.circle(copy, spot, max(round(size * 0.4), 1), light, -1, cv2.LINE_AA)
    place += (copy - place) * np.float32(between(rng, 0.3, 0.9))


def _word(
    image: Floats, text: str, style: int, box: tuple[float, float, float, float], color: Floats
) -> None:
    """*text* in a box (left, top, right, bottom, px), centred and no wider than it, in place."""
    left, top, right, bottom = box
    height = max(round(bottom - top), 3)
    units = [0.45 if c == " " else natural_width(c, style) for c in text]
    unit = min(height, (right - left) / max(sum(units) + 0.15 * (len(text) - 1), 0.1))
    x = (left + right - unit * (sum(units) + 0.15 * (len(text) - 1))) / 2
    for character, share in zip(text, units, strict=True):
        w, at = max(round(unit * share), 1), round(x)
        x += unit * (share + 0.15)
        if character == " ":
            continue
        place = image[round(top) : round(top) + height, max(at, 0) : at + w]
        if not place.size:
            continue
        alpha = glyph(character, style, w, height)[: place.shape[0], : place.shape[1], None] / np.float32(255)
        place += (color - place) * alpha


def _caption(rng: Generator, image: Floats, caption: Caption, ink: Floats) -> None:
    """Small print in the plate's ink or another colour, in place."""
    width = image.shape[1]
    color = ink if rng.random() < 0.4 else rng.uniform(10, 200, 3).astype(np.float32)
    inset = between(rng, 0.12, 0.32) * width
    box = (inset, caption.top * SCALE, width - inset, caption.bottom * SCALE)
    _word(image, caption.text, random_style(rng, "text"), box, color)


def _band(rng: Generator, image: Floats, country: str) -> None:
    """The blue band at the left: a ring of stars over the country's letters."""
    height, width = image.shape[0], round(BAND * SCALE * between(rng, 0.9, 1.05))
    image[:, :width] = _vary(rng, (150, 52, 5), 14)
    star = tuple(float(v) for v in _vary(rng, (40, 205, 250), 10))
    white = _vary(rng, (235, 235, 235), 10)
    y = 0.29 * height
    for angle in np.arange(12) * (np.pi / 6):
        center = (width / 2 + 14 * SCALE * np.cos(angle), y + 14 * SCALE * np.sin(angle))
        cv2.circle(image, (round(center[0] * 16), round(center[1] * 16)), 14, star, -1, cv2.LINE_AA, 4)
    _word(image, country, 101, (2, 0.66 * height, width - 2, 0.92 * height), white)


def _plain_band(rng: Generator, image: Floats, sign: str) -> None:
    """A band at the left without stars: plain, or with a small flag, over the country's letters."""
    height, width = image.shape[0], round(BAND * SCALE * between(rng, 0.8, 1.05))
    image[:, :width] = _vary(rng, (150, 52, 5), 25)
    if rng.random() < 0.6:
        top, bottom, stripes = round(0.12 * height), round(0.45 * height), int(rng.integers(1, 4))
        place = image[top:bottom, 4 : width - 4]
        for i, part in enumerate(np.array_split(place, stripes, axis=int(rng.integers(2)))):
            part[:] = rng.uniform(0, 255, 3) if i else rng.uniform(120, 255, 3)
    _word(image, sign, 101, (2, 0.62 * height, width - 2, 0.9 * height), _vary(rng, (235, 235, 235), 10))


def _right_band(rng: Generator, image: Floats, what: str) -> None:
    """The band at the right: a region's arms over its number, or the year over the month, in place."""
    height, full = image.shape[:2]
    width = round(BAND * SCALE * between(rng, 0.75, 1.0))
    color = (35, 195, 240) if what == "date" else (150, 52, 5)
    image[:, full - width :] = _vary(rng, color, 14)
    text = _vary(rng, (30, 30, 30) if what == "date" else (235, 235, 235), 10)
    style = random_style(rng, "text")
    digits = "".join("0123456789"[i] for i in rng.integers(10, size=4))
    left, right = full - width + 3, full - 3
    if what == "date":
        _word(image, digits[:2], style, (left, 0.12 * height, right, 0.42 * height), text)
        _word(image, digits[2:], style, (left, 0.58 * height, right, 0.88 * height), text)
        return
    if rng.random() < 0.75:
        place = image[round(0.1 * height) : round(0.45 * height), left + 2 : right - 2]
        for i, part in enumerate(np.array_split(place, int(rng.integers(1, 4)), axis=int(rng.integers(2)))):
            part[:] = rng.uniform(0, 255, 3) if i else rng.uniform(90, 255, 3)
    letters = "".join("ABCEFGILMNOPRSTV"[i] for i in rng.integers(16, size=2))
    _word(
        image,
        digits[:2] if rng.random() < 0.75 else letters,
        style,
        (left, 0.58 * height, right, 0.88 * height),
        text,
    )


def _seal(rng: Generator, image: Floats, what: str, middle: tuple[float, float]) -> None:
    """What stands between the groups, in place: stickers, arms on a shield, a flag, a dot, or nothing."""
    x, y = (middle[0] + rng.normal(0, 1.5)) * SCALE, middle[1] * SCALE

    def color() -> tuple[float, ...]:
        return tuple(float(v) for v in np.clip(between(rng, 30, 235) + rng.normal(0, 55, 3), 0, 255))

    if what == "stickers":
        # That of the inspection, in the year's colour, over the state's.
        for dy, radius, share in ((-20, 17, 0.6), (20, 18, 0.95)):
            if rng.random() < share:
                outer, center = color(), (round(x), round(y + dy * SCALE))
                cv2.circle(image, center, round(radius * SCALE), outer, -1, cv2.LINE_AA)
                inner = tuple(v * 0.7 for v in outer)
                cv2.circle(image, center, round(radius * SCALE * 0.5), inner, 1, cv2.LINE_AA)
        return
    y += rng.normal(0, 5) * SCALE
    if what == "shield":
        w, h = between(rng, 11, 17) * SCALE, between(rng, 14, 24) * SCALE
        outline = np.array([[-w, -h], [w, -h], [w, h * 0.3], [0, h], [-w, h * 0.3]])
        points = outline + np.array([x, y])
        cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], color(), cv2.LINE_AA, 4)
        if rng.random() < 0.7:
            stripe = (round(x - w * 0.6), round(y)), (round(x + w * 0.6), round(y))
            cv2.line(image, *stripe, color(), 2, cv2.LINE_AA)
        if rng.random() < 0.5:
            stripe = (round(x), round(y - h * 0.6)), (round(x), round(y + h * 0.6))
            cv2.line(image, *stripe, color(), 2)
    elif what == "flag":
        w, h = between(rng, 8, 12) * SCALE, between(rng, 14, 20) * SCALE
        top, left = max(round(y - h), 0), max(round(x - w), 0)
        place = image[top : round(y + h), left : round(x + w)]
        for part in np.array_split(place, int(rng.integers(2, 5)), axis=0):
            part[:] = color()
    else:
        sizes = {"dot": between(rng, 4, 8), "sticker": between(rng, 9, 16), "emblem": between(rng, 8, 15)}
        size = sizes[what]
        center = (round(x), round(y))
        cv2.circle(image, center, max(round(size * SCALE), 1), color(), -1, cv2.LINE_AA)
        if what != "dot" and rng.random() < 0.6:
            cv2.circle(image, center, max(round(size * SCALE * 0.5), 1), color(), -1, cv2.LINE_AA)


def _mount(rng: Generator, image: Image) -> None:
    """Bolts in the standard's holes and frames that reach into the plate, in place."""
    height, width = image.shape[:2]
    if rng.random() < 0.6:
        bright = between(rng, 60, 245)
        color = tuple(min(max(bright + v, 0.0), 255.0) for v in rng.normal(0, 12, 3).tolist())
        radius = int(rng.integers(3, 6))
        for x in (0.25, 0.75):
            for y in (9, height - 9):
                if rng.random() < (0.85 if y == 9 else 0.35):
                    center = (round(x * width + rng.normal(0, 3)), round(y + rng.normal(0, 2)))
                    cv2.circle(image, center, radius, color, -1, cv2.LINE_AA)
                    cv2.circle(image, center, radius, tuple(v * 0.6 for v in color), 1, cv2.LINE_AA)
    if rng.random() < 0.15:
        thickness = int(rng.integers(2, 8))
        shade = tuple(float(v) for v in between(rng, 0, 255) + rng.normal(0, 10, 3))
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), shade, thickness)
