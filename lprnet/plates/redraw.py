"""A character in other proportions and weights, as another hand would draw it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lprnet.plates.pixels import LEVELS, Floats, Image, between

_KNOTS = np.arange(5.0)
"""Between them a character is stretched alike."""


def redrawn(rng: Generator, mask: Image, across: float = 0.25, down: float = 0.15) -> Image:
    """Coverage *mask*, uint8[H,W], with its parts stretched and squeezed; in half the cases its strokes, too.

    Args:
        rng: source of every random choice.
        mask: the character.
        across, down: deviations of the logarithm of how far a quarter of its width and height is stretched.
    """
    height, width = mask.shape
    x, y = (_stretch(rng, n, deviation) for n, deviation in ((width, across), (height, down)))
    xs, ys = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    xs[:], ys[:] = x, y[:, None]
    drawn = cv2.remap(mask, xs, ys, cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(drawn, (0, 0), 0.8)
        steep = (LEVELS - 128) * np.float32(1.6) + np.float32(between(rng, 80, 200))
        drawn = cv2.LUT(soft, np.clip(steep, 0, 255).astype(np.uint8))
    return np.asarray(drawn, np.uint8)


def _stretch(rng: Generator, size: int, deviation: float) -> Floats:
    """Where each of *size* pixels comes from: the same ends, stretched and squeezed in between."""
    knots = np.zeros(len(_KNOTS))
    np.cumsum(np.exp(rng.normal(0, deviation, 4)), out=knots[1:])
    return np.interp(_even(size), _KNOTS, knots * ((size - 1) / knots[-1])).astype(np.float32)


@cache
def _even(size: int) -> NDArray[np.float64]:
    """*size* places from the first of `_KNOTS` to the last."""
    return np.linspace(_KNOTS[0], _KNOTS[-1], size)
