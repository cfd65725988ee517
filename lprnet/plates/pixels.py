"""Arithmetic on float32[H,W,3] images, in the forms that numpy and OpenCV are fast at.

Broadcasting over a last axis of three costs numpy several times the arithmetic itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture, uint8[H,W,3] BGR, or a mask, uint8[H,W]."""
Floats = NDArray[np.float32]
"""The same in float32, 0–255 where nothing else is said."""


def between(rng: Generator, low: float, high: float) -> float:
    """The number that `rng.uniform` draws, in a third of its time, most of which is about arrays."""
    return low + (high - low) * rng.random()


LEVELS = np.arange(256, dtype=np.float32)
"""Of a mask."""


def in_row(color: Floats, width: int) -> Floats:
    """A row of *width* pixels of one colour: float32[3] → float32[1, 3 · width]."""
    row = np.empty((width, 3), np.float32)
    row[:] = color
    return row.reshape(1, -1)


def per_channel(mask: Floats) -> Floats:
    """Every element three times, once for each channel: float32[H,W] → float32[H, 3 · W]."""
    return np.asarray(cv2.merge((mask, mask, mask)), np.float32).reshape(len(mask), -1)


def flat(image: Floats) -> Floats:
    """View of float32[H,W,3] as float32[H, 3 · W]."""
    return image.reshape(image.shape[0], -1)
