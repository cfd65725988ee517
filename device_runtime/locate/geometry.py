"""From a frame to the inputs of both looks, and back.

All coordinates are continuous: the pixel in the corner of an image covers [0, 1] × [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.warp import Homography, Warp, warp
from device_runtime.sources.image import Image

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
"""A homography, float64[3,3]."""
Points = Sequence[Sequence[float]]
"""(x, y) of four corners, as plain numbers: for so few NumPy's calls take much longer than its sums."""

GRID = 32
"""px: width and height of find's input are multiples of this."""
NARROWEST, LOWEST = 4 * GRID, 2 * GRID
"""px: the least width and height of find's input, which its kernels count on."""
AREA = 320 * 320
"""px of find's input, at most."""
GREY = 114
"""What is beside a frame in an input that it does not fill, on all channels."""
ENLARGED = 4.0
"""How much a small frame is enlarged at most."""

VIEW_WIDTH, VIEW_HEIGHT = 128, 64
"""px of refine's input."""
VIEW_PLATE, VIEW_SQUARISH = (84, 28), (64, 36)
"""px, width and height of a candidate in its view: of a long plate, and of one whose width is less than
`LONG` times its height, such as one of two rows."""
LONG = 2.2
TOUCHING = (0.015, 0.03)
"""Shares of its width and height: a plate that comes so near to the frame's edge may go on behind it.

Corners of plates that the edge cuts are found within 0.02 of their width from it, others where they are.
"""
_FINER = 1.45
"""px of a frame that a pixel cut from it spans at most; a finer frame is halved until it is so."""
_NEAREST = 0.3
"""How far from the horizon a view ends: its least perspective divisor; the plate's first corner has 1."""


@dataclass(frozen=True)
class Fit:
    """How a frame fills find's input, from its top left corner on.

    Attributes:
        width: of the input, px, a multiple of `GRID`.
        height: of the input, px, a multiple of `GRID`.
        size: width and height of the scaled frame in it, px.
        scale: pixels of the input a pixel of the frame, along x and along y.
    """

    width: int
    height: int
    size: tuple[int, int]
    scale: tuple[float, float]


@lru_cache(maxsize=256)
def fit(width: int, height: int, area: int = AREA) -> Fit:
    """The input of at most *area* pixels in which a frame of *width* × *height* pixels comes out largest.

    The area and with it the time are the same for all frames, whatever their aspect; a fixed long side would
    make plates in wide frames smaller than need be. A frame is never enlarged by more than `ENLARGED`.
    """
    best: tuple[float, int, int] | None = None
    area = max(area, NARROWEST * LOWEST)
    for w in range(NARROWEST, area // LOWEST + 1, GRID):
        h = area // w // GRID * GRID
        scale = min(w / width, h / height, ENLARGED)
        # Of inputs in which it is as large, the smallest.
        h = min(h, max(-(-round(height * scale) // GRID) * GRID, LOWEST))
        w = min(w, max(-(-round(width * scale) // GRID) * GRID, NARROWEST))
        if best is None or (scale, -w * h) > (best[0], -best[1] * best[2]):
            best = (scale, w, h)
    assert best is not None
    scale, w, h = best
    size = (min(max(round(width * scale), 1), w), min(max(round(height * scale), 1), h))
    return Fit(w, h, size, (size[0] / width, size[1] / height))


def width_of(corners: Floats) -> float:
    """Mean length of the upper and the lower side of float32[4,2]."""
    return _width(corners.tolist())


def height_of(corners: Floats) -> float:
    """Mean length of the left and the right side of float32[4,2]."""
    return _height(corners.tolist())


def _width(corners: Points) -> float:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    return (math.hypot(x1 - x0, y1 - y0) + math.hypot(x2 - x3, y2 - y3)) / 2


def _height(corners: Points) -> float:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    return (math.hypot(x3 - x0, y3 - y0) + math.hypot(x2 - x1, y2 - y1)) / 2


def plate_in_view(corners: Floats) -> tuple[int, int]:
    """px, width and height of the rectangle that float32[4,2] fills in its view."""
    return VIEW_SQUARISH if width_of(corners) < LONG * height_of(corners) else VIEW_PLATE


class View(NamedTuple):
    """How a place is looked at.

    Attributes:
        to_frame: from the view's pixels to the frame's.
        left, top, right, bottom: px of the view, the rectangle that the corners make there.
    """

    to_frame: Homography
    left: float
    top: float
    right: float
    bottom: float


def view_matrix(corners: Floats) -> Matrix:
    """Homography float64[3,3], view → frame, of the `view` of *corners* float32[4,2]."""
    return np.array(view(corners.tolist()).to_frame).reshape(3, 3)


def view(corners: Points) -> View:
    """The view in which *corners* are a rectangle.

    ```
    ┌───────────────────── 128 ─┐
    │   0 ┌──────── 84 ─┐ 1     │
    │     │             28      64
    │   3 └─────────────┘ 2     │
    └───────────────────────────┘
    ```

    Corners that are no convex quadrilateral, or lie so that the view would show the horizon, count as the
    nearest parallelogram; what has no area or stands on its side or its head, as an upright rectangle.
    """
    long, tall = _width(corners), _height(corners)
    width, height = VIEW_SQUARISH if long < LONG * tall else VIEW_PLATE
    left, top = (VIEW_WIDTH - width) / 2, (VIEW_HEIGHT - height) / 2
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    a, d = (x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2
    b, e = (x3 - x0 + x2 - x1) / 2, (y3 - y0 + y2 - y1) / 2
    g = h = 0.0
    if a * e - b * d < 1 or abs(d) > a:
        a, d, b, e = max(long, 2.0), 0.0, 0.0, max(tall, 2.0)
    else:
        g, h = _perspective(corners)
        # The divisor is least in a corner of the view.
        across, down = (-left / width, 1 + left / width), (-top / height, 1 + top / height)
        if 1 + min(g * across[0], g * across[1]) + min(h * down[0], h * down[1]) < _NEAREST:
            g = h = 0.0
    if g or h:
        a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
        d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
    else:
        c, f = (x0 + x1 + x2 + x3 - 2 * a - 2 * b) / 4, (y0 + y1 + y2 + y3 - 2 * d - 2 * e) / 4
    to_frame = _from_rectangle((a, b, c, d, e, f, g, h, 1.0), left, top, width, height)
    return View(to_frame, left, top, left + width, top + height)


def quadrilateral(corners: Points, left: float, top: float, width: float, height: float) -> Homography:
    """From the rectangle at *left* and *top* to *corners*; if they are no quadrilateral, in parallel."""
    g, h = _perspective(corners)
    (x0, y0), (x1, y1), _, (x3, y3) = corners
    square = (
        *(x1 - x0 + g * x1, x3 - x0 + h * x3, x0),
        *(y1 - y0 + g * y1, y3 - y0 + h * y3, y0),
        *(g, h, 1.0),
    )
    return _from_rectangle(square, left, top, width, height)


def _perspective(corners: Points) -> tuple[float, float]:
    """The last row of the homography from the unit square to *corners*, without its 1; 0 if there is none.

    Heckbert, Fundamentals of Texture Mapping and Image Warping (1989), 2.2.3.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    turn = dx2 * dy1 - dx1 * dy2
    return ((dx2 * sy - sx * dy2) / turn, (sx * dy1 - dx1 * sy) / turn) if turn > 1e-6 else (0.0, 0.0)


def _from_rectangle(square: Homography, left: float, top: float, width: float, height: float) -> Homography:
    """*square*, which leads from the unit square, from a rectangle instead."""
    a, b, c, d, e, f, g, h, i = square
    a, d, g, b, e, h = a / width, d / width, g / width, b / height, e / height, h / height
    return (
        *(a, b, c - a * left - b * top),
        *(d, e, f - d * left - e * top),
        *(g, h, i - g * left - h * top),
    )


def is_cut(corners: Floats, width: int, height: int) -> bool:
    """Whether the edge of a frame of *width* × *height* px cuts, or may cut, the plate at float32[4,2].

    It does where a corner lies outside or nearer to the edge than `TOUCHING`.
    """
    across, down = TOUCHING[0] * width_of(corners), TOUCHING[1] * height_of(corners)
    xs, ys = zip(*corners.tolist(), strict=True)
    beside = min(xs) < across or max(xs) > width - across
    return beside or min(ys) < down or max(ys) > height - down


def transform(points: Floats, matrix: Matrix) -> Floats:
    """float32[...,2] by a homography float64[3,3]."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float32)


def moved(points: Points, by: Homography) -> list[tuple[float, float]]:
    """*points* by a homography."""
    a, b, c, d, e, f, g, h, i = by
    result = []
    for x, y in points:
        divisor = g * x + h * y + i
        result.append(((a * x + b * y + c) / divisor, (d * x + e * y + f) / divisor))
    return result


def cut_view(frame: Image, matrix: Matrix) -> Image:
    """The view uint8[`VIEW_HEIGHT`,`VIEW_WIDTH`,3] of *frame* that `view_matrix` describes.

    A finer frame is halved first, so that no pixel is passed over.
    """
    a, b, c, d, e, f, g, h, i = matrix.ravel().tolist()
    return cut(frame, (a, b, c, d, e, f, g, h, i))


def cut(frame: Image, to_frame: Homography, warp: Warp = warp) -> Image:
    """The view uint8[`VIEW_HEIGHT`,`VIEW_WIDTH`,3] of *frame*, from its pixels to *frame*'s; grey outside.

    Args:
        warp: what sees a picture through a homography.
    """
    width, height = VIEW_WIDTH, VIEW_HEIGHT
    outline = moved(((0, 0), (width, 0), (width, height), (0, height)), to_frame)
    # px of the frame a pixel of the view, by the longer one of its mean sides.
    finer = max(_width(outline) / width, _height(outline) / height)
    factor = 1 << max(math.ceil(math.log2(finer / _FINER)), 0)
    part = part_of(frame, outline, factor, factor)
    if part is None:
        return np.full((height, width, 3), GREY, np.uint8)
    image, size = part.image, part.size
    while factor > 1:
        factor //= 2
        image = cv2.resize(image, (size[0] * factor, size[1] * factor), interpolation=cv2.INTER_AREA)
    return warp(image, in_part(to_frame, part), (width, height), GREY)


class Part(NamedTuple):
    """A part of a frame that is to be shrunk.

    Attributes:
        image: uint8[size · factor,3], not shrunk.
        x, y: px of the frame, where it begins.
        size: px, width and height of what it is shrunk to.
        factor: by which that is.
    """

    image: Image
    x: int
    y: int
    size: tuple[int, int]
    factor: int


def part_of(frame: Image, outline: Points, factor: int, margin: int) -> Part | None:
    """What *frame* shows of *outline* and *margin* px around it; None if that is nothing."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = outline
    height, width = frame.shape[:2]
    x, y = max(math.floor(min(x0, x1, x2, x3)) - margin, 0), max(math.floor(min(y0, y1, y2, y3)) - margin, 0)
    columns = (min(math.ceil(max(x0, x1, x2, x3)) + margin, width) - x) // factor
    rows = (min(math.ceil(max(y0, y1, y2, y3)) + margin, height) - y) // factor
    if columns < 1 or rows < 1:
        return None
    if factor == 1 and frame.flags.c_contiguous:
        # Seen as it is, without a copy of the part.
        return Part(frame, 0, 0, (width, height), 1)
    image = frame[y : y + rows * factor, x : x + columns * factor]
    return Part(image, x, y, (columns, rows), factor)


def in_part(to_frame: Homography, part: Part, finer: int = 1) -> Homography:
    """*to_frame* to the shrunk *part*, where (0, 0) is the middle of a first pixel, there and here.

    Args:
        finer: pixels it comes from are so many times finer than *to_frame* says.
    """
    a, b, c, d, e, f, g, h, i = to_frame
    a, b, d, e, g, h = a / finer, b / finer, d / finer, e / finer, g / finer, h / finer
    c, f, i = c + (a + b) / 2, f + (d + e) / 2, i + (g + h) / 2
    left, top, scale = part.x / part.factor + 0.5, part.y / part.factor + 0.5, 1 / part.factor
    return (
        *(a * scale - g * left, b * scale - h * left, c * scale - i * left),
        *(d * scale - g * top, e * scale - h * top, f * scale - i * top),
        *(g, h, i),
    )
