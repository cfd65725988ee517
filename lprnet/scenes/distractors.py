"""What looks a little like a plate and is none: drawn into a scene so that it is learnt as background."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.shares import Shares
from lprnet.scenes.lettering import any_style, fill, line, pick, word
from lprnet.scenes.placing import blend, stamp, tilted
from lprnet.scenes.scene import Floats, Image

Color = tuple[float, float, float]
Draw = Callable[[Generator, int], Image]
"""A patch uint8[h,w,3], about so many pixels wide."""

BLANK_FROM = 40
"""px: a plate narrower than this is too small to be told from a panel without characters."""


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
    """A shop's or taxi's sign: one line in any script, wide or tall."""
    ground = _color(rng)
    patch = _patch(width, round(width * rng.choice([rng.uniform(0.08, 0.16), rng.uniform(0.3, 0.6)])), ground)
    color = _contrast(rng, ground)
    font = cv2.FontFace("uni" if rng.random() < 0.5 else "sans")
    text = pick(rng, "福安大中国路东西店酒饭药金美行") * 2 if rng.random() < 0.4 else word(rng).capitalize()
    if rng.random() < 0.2:
        text = "TAXI"
    size = max(round(patch.shape[0] * 0.6), 4)
    start = (round(width * rng.uniform(0.02, 0.3)), round(patch.shape[0] * 0.78))
    cv2.putText(patch, text, start, color, font, size, int(rng.integers(300, 800)))
    return patch


def _lamp(rng: Generator, width: int) -> Image:
    """A rectangular headlamp, tail lamp or reflector: a bright or red field with ribs and a hot spot."""
    height = max(round(width * rng.uniform(0.2, 0.7)), 4)
    rim = _color(rng)
    patch = _patch(width, height, rim)
    kinds = ((225, 225, 225), (40, 30, 190), (60, 140, 240), (250, 245, 235))
    base = np.array(kinds[int(rng.integers(len(kinds)))], float)
    inset = max(round(height * rng.uniform(0.03, 0.15)), 1)
    fields = int(rng.integers(1, 4))
    edges = np.linspace(inset, width - inset, fields + 1).astype(int)
    for left, right in pairwise(edges):
        color = tuple(map(float, np.clip(base * rng.uniform(0.5, 1.1) + rng.normal(0, 15, 3), 0, 255)))
        cv2.rectangle(patch, (int(left), inset), (int(right) - 1, height - 1 - inset), color, -1)
    ribs = int(rng.integers(0, 14))
    for x in np.linspace(inset, width - inset, ribs + 2)[1:-1]:
        shade = tuple(map(float, np.clip(base * rng.uniform(0.5, 0.9), 0, 255)))
        cv2.line(patch, (int(x), inset), (int(x), height - inset), shade, 1)
    spot = (round(width * rng.uniform(0.2, 0.8)), round(height * rng.uniform(0.3, 0.7)))
    radius = max(round(height * rng.uniform(0.1, 0.4)), 1)
    cv2.circle(patch, spot, radius, (255.0, 255.0, 255.0), -1 if rng.random() < 0.6 else 1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(patch, (0, 0), max(height * 0.03, 0.4)), np.uint8)


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
    (_board, 0.2),
    (_shop, 0.16),
    (_lamp, 0.26),
    (_grille, 0.14),
    (_blank, 0.12),
    (_window, 0.12),
)
_DRAWS = Shares(np.cumsum([share for _, share in _ON_GROUND]) * (1 + 1e-12))


def _free_lettering(rng: Generator, canvas: Image, center: Floats, width: float) -> None:
    """A maker's or a model's name, a fleet number or a web address, straight on what is there; in place."""
    patterns = ("~", "~", "@@@", "###", "@ ###", "~ ~", "@@@@", "#.#", "@##", "~ ####")
    text = fill(rng, patterns[int(rng.integers(len(patterns)))])
    height = max(round(width / max(len(text), 2) * rng.uniform(0.8, 2.2)), 4)
    mask = line(text, any_style(rng), max(round(width), 6), height, rng.uniform(0.1, 0.6))
    if rng.random() < 0.3:
        mask = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    left, top = round(float(center[0]) - width / 2), round(float(center[1]) - height / 2)
    _overlay(canvas, mask, left, top, np.array(_color(rng), np.uint8))


def clock(rng: Generator, canvas: Image) -> None:
    """A camera's clock or a watermark, upright and at an edge as often as not; in place."""
    patterns = (
        "20##-##-## ##:##:##",
        "##/##/20## ##:##:##",
        "##:##:##",
        "~ ## ##",
        "~.~ ####",
        "###: #### ##",
        "****",
    )
    height, width = canvas.shape[:2]
    tall = int(np.clip(np.exp(rng.uniform(np.log(4), np.log(18))), 4, height // 4))
    color = np.array(_color(rng) if rng.random() < 0.3 else (250, 250, 250), np.uint8)
    x = round(width * rng.uniform(0, 0.6))
    y = int(rng.choice([2, height - 2 * tall - 4, int(rng.integers(0, max(height - tall, 1)))]))
    style, boxed = any_style(rng), rng.random() < 0.25
    for _ in range(int(rng.integers(1, 4))):
        text = fill(rng, patterns[int(rng.integers(len(patterns)))])
        mask = line(text, style, max(round(tall * 0.62 * len(text)), 8), tall, 0.15)
        if boxed:
            canvas[max(y - 2, 0) : max(y + tall + 2, 0), max(x - 2, 0) : x + mask.shape[1] + 2] = 255 - color
        if rng.random() < 0.3:
            _overlay(canvas, cv2.dilate(mask, np.ones((3, 3), np.uint8)), x, y, 255 - color)
        _overlay(canvas, mask, x, y, color)
        y += tall + max(tall // 3, 1)


def _overlay(canvas: Image, mask: Image, left: int, top: int, color: Image) -> None:
    """One colour over *canvas* where *mask* is, in place; what falls outside is cut off."""
    x, y = max(left, 0), max(top, 0)
    mask = mask[y - top : max(canvas.shape[0] - top, 0), x - left : max(canvas.shape[1] - left, 0)]
    if mask.size:
        place = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
        solid = np.empty_like(place)
        solid[:] = color
        blend(place, solid, np.ascontiguousarray(mask))


def _badge(rng: Generator, canvas: Image, center: Floats, width: float) -> None:
    """A maker's emblem, a speed limit or a wheel: rings, in place."""
    x, y = round(float(center[0])), round(float(center[1]))
    axes = (max(round(width / 2), 3), max(round(width / 2 * rng.uniform(0.4, 1)), 3))
    ground = _color(rng)
    cv2.ellipse(canvas, (x, y), axes, 0, 0, 360, ground, -1, cv2.LINE_AA)
    rim = _contrast(rng, ground)
    cv2.ellipse(canvas, (x, y), axes, 0, 0, 360, rim, max(axes[1] // 6, 1), cv2.LINE_AA)
    if rng.random() < 0.7:
        text = fill(rng, ("##", "@", "@@", "###")[int(rng.integers(4))])
        mask = line(text, any_style(rng), max(axes[0], 4), max(round(axes[1] * 0.8), 4))
        _overlay(canvas, mask, x - axes[0] // 2, y - round(axes[1] * 0.4), np.array(rim, np.uint8))


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
    if choice > 0.9:
        _badge(rng, canvas, center, width * rng.uniform(0.5, 1))
        return
    if choice > 0.72:
        _free_lettering(rng, canvas, center, width)
        return
    draw = _ON_GROUND[_DRAWS.draw(rng)][0]
    if draw is _blank and width < BLANK_FROM:
        draw = _lamp
    patch = draw(rng, max(round(min(width, 220)), 8))
    corners = tilted(rng, width, width * patch.shape[0] / patch.shape[1], 0.7) + center
    stamp(canvas, patch, corners.astype(np.float32))
