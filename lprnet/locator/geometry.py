"""From a frame to the inputs of both looks, and back: NumPy and OpenCV only, as a board has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

GRID = 32
"""px: width and height of an input are multiples of this."""
AREA = 320 * 320
"""px of the first look's input, at most."""
GREY = 114
"""What is beside a frame in an input that it does not fill, on all channels."""
VIEW_WIDTH, VIEW_HEIGHT = 160, 96
"""px of the second look's input."""
VIEW_PLATE = (96, 56)
"""px: a proposal fills this width or this height of the view, as it fits."""


@dataclass(frozen=True)
class Fit:
    """How a frame fills the first look's input, from its top left corner on.

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


@lru_cache(maxsize=64)
def fit(width: int, height: int, area: int = AREA) -> Fit:
    """The input of at most *area* pixels in which a frame of *width* × *height* pixels comes out largest.

    The area and with it the time are the same for all frames, whatever their aspect; a fixed long side would
    make plates in wide frames smaller than need be. A frame is never enlarged by more than 4.
    """
    best: tuple[float, int, int] | None = None
    for columns in range(1, area // GRID**2 + 1):
        w, h = columns * GRID, area // (columns * GRID) // GRID * GRID
        scale = min(w / width, h / height, 4.0)
        # Of inputs in which it is as large, the smallest.
        h = min(h, -(-max(round(height * scale), 1) // GRID) * GRID)
        w = min(w, -(-max(round(width * scale), 1) // GRID) * GRID)
        if best is None or (scale, -w * h) > (best[0], -best[1] * best[2]):
            best = (scale, w, h)
    assert best is not None
    scale, w, h = best
    size = (min(max(round(width * scale), 1), w), min(max(round(height * scale), 1), h))
    return Fit(w, h, size, (size[0] / width, size[1] / height))


def letterbox(frame: Image, to: Fit) -> Image:
    """*frame* uint8[H,W,3] scaled into the input uint8[height,width,3], means of areas where it shrinks."""
    method = cv2.INTER_AREA if min(to.scale) < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(frame, to.size, interpolation=method)
    if to.size == (to.width, to.height):
        return np.asarray(scaled, np.uint8)
    canvas = np.full((to.height, to.width, 3), GREY, np.uint8)
    canvas[: to.size[1], : to.size[0]] = scaled
    return canvas


def view_matrix(corners: Floats) -> NDArray[np.float64]:
    """Similarity float64[2,3], frame → view, that brings a plate upright into the middle of its view.

    *corners* is float32[4,2] in the frame; both in continuous coordinates.
    """
    along = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
    across = (corners[3] - corners[0] + corners[2] - corners[1]) / 2
    width, height = max(float(np.linalg.norm(along)), 1.0), max(float(np.linalg.norm(across)), 1.0)
    scale = min(VIEW_PLATE[0] / width, VIEW_PLATE[1] / height)
    # A proposal that stands on its head or its side is looked at as it is.
    angle = np.arctan2(along[1], along[0])
    cos, sin = (np.cos(angle), np.sin(angle)) if abs(angle) < np.radians(50) else (1.0, 0.0)
    turn = scale * np.array([[cos, sin], [-sin, cos]], np.float64)
    middle = np.array([VIEW_WIDTH, VIEW_HEIGHT]) / 2
    return np.column_stack([turn, middle - turn @ corners.mean(0).astype(np.float64)])


def transform(points: Floats, matrix: NDArray[np.float64]) -> Floats:
    """float32[...,2] by float64[2,3]."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a similarity float64[2,3]."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def cut_view(frame: Image, matrix: NDArray[np.float64]) -> Image:
    """The view uint8[`VIEW_HEIGHT`,`VIEW_WIDTH`,3] of *frame* that `view_matrix` describes.

    Where the frame is much finer than the view it is shrunk first, so that no pixel is passed over.
    """
    outline = np.array([[0, 0], [VIEW_WIDTH, 0], [VIEW_WIDTH, VIEW_HEIGHT], [0, VIEW_HEIGHT]], np.float32)
    seen = transform(outline, inverse(matrix))
    low = np.maximum(np.floor(seen.min(0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(seen.max(0)).astype(int) + 2, frame.shape[1::-1])
    if np.any(high - low < 2):
        return np.full((VIEW_HEIGHT, VIEW_WIDTH, 3), GREY, np.uint8)
    part = frame[low[1] : high[1], low[0] : high[0]]
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    factors = np.ones(2)
    if scale < 0.7:
        size = tuple(max(round(side * scale), 2) for side in part.shape[1::-1])
        factors = np.array(size) / part.shape[1::-1]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    turn = matrix[:, :2] / factors
    offset = matrix[:, 2] + matrix[:, :2] @ low
    # OpenCV's coordinates have pixel centres at whole numbers.
    offset = offset + turn @ [0.5, 0.5] - 0.5
    return np.asarray(
        cv2.warpAffine(
            part,
            np.column_stack([turn, offset]),
            (VIEW_WIDTH, VIEW_HEIGHT),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(GREY, GREY, GREY),
        ),
        np.uint8,
    )
