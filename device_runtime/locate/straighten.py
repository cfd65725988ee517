"""Where the plate is in an image that somebody else's detector cut out.

Such a box is upright: around a turned plate it shows much of the car, and little of its width is plate. The
second look finds the corners from any of several guesses that is near them:

    ┌─────────────────────┐      upright, or turned by 8° or 16° either way, so that the box is just around it
    │          ___---¯¯¯│ │
    │ ___---¯¯¯         │ │      each guess ─ refine ─ corners ─ refine ─ corners ─▶ seen from the front
    │ │         ___---¯¯¯ │
    │ │___---¯¯¯          │
    └─────────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from device_runtime.locate.decode import Floats
from device_runtime.locate.locator import Locator
from device_runtime.locate.rectify import SIZE, rectify, rows_apart
from device_runtime.sources.image import Image, Rows

TURNS = (8.0, -8.0, 16.0, -16.0)
"""Degrees by which a plate may be turned, clockwise."""
UPRIGHT = (0.08, 0.15)
"""Shares of the width and of the height that the first guess leaves out at each side."""
AROUND = 0.02
"""Share that the other guesses do."""
NARROWEST, LOWEST = 0.5, 0.35
"""Shares of the image's width and height that a guess has at least."""
LIKELY_TWO_ROWS = 0.5
"""How sure of two rows the second look has to be, for its plate to be read so, too."""
FINE = (2 * SIZE[0], 2 * SIZE[1])
"""px: width and height of a view that a closer look can be taken at."""


def guesses(width: int, height: int) -> list[Floats]:
    """Where the plate may be in an image of *width* × *height* px: corners float32[4,2] each."""
    across, down = UPRIGHT
    upright = _turned(width, height, width * (1 - 2 * across), height * (1 - 2 * down), 0.0)
    return [upright, *(_fitting(width, height, math.radians(turn)) for turn in TURNS)]


def straightened(image: Image, locator: Locator) -> Iterator[Rows]:
    """The plate in *image*, uint8[H,W,3], seen from the front, by each of the guesses.

    Yields:
        The whole plate, as finely as the reader reads it or, of a larger image, twice as finely, and None;
        two rows joined so, and then the upper and the lower one.
    """
    height, width = image.shape[:2]
    size = SIZE if width <= SIZE[0] else FINE
    for guess in guesses(width, height):
        near = locator.near(image, guess)
        yield rectify(image, near.corners, size=size, warp=locator.warp), None
        if near.two_rows >= LIKELY_TWO_ROWS:
            yield rectify(image, near.corners, 2, warp=locator.warp), None
            yield rows_apart(image, near.corners, warp=locator.warp)


def _fitting(width: int, height: int, turn: float) -> Floats:
    """The rectangle turned by *turn* around which *width* × *height*, less `AROUND`, is the upright box."""
    across, down = width * (1 - 2 * AROUND), height * (1 - 2 * AROUND)
    cosine, sine = math.cos(turn), abs(math.sin(turn))
    # across = long · cosine + tall · sine, down = long · sine + tall · cosine
    wide = cosine**2 - sine**2
    long = max((across * cosine - down * sine) / wide, NARROWEST * across)
    tall = max((down * cosine - across * sine) / wide, LOWEST * down)
    return _turned(width, height, long, tall, turn)


def _turned(width: int, height: int, long: float, tall: float, turn: float) -> Floats:
    """Corners of *long* × *tall* px, turned by *turn*, radians, in the middle of *width* × *height*."""
    cosine, sine = math.cos(turn), math.sin(turn)
    x, y = np.array([-long, long, long, -long]) / 2, np.array([-tall, -tall, tall, tall]) / 2
    points = np.stack([x * cosine - y * sine + width / 2, x * sine + y * cosine + height / 2], axis=1)
    return points.astype(np.float32)
