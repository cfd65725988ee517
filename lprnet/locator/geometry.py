"""From a frame to the inputs of both looks, and back: NumPy and OpenCV only, as a board has."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.geometry import AREA, GREY, GRID, Fit, fit, letterbox

__all__ = [
    "AREA",
    "GREY",
    "GRID",
    "VIEW_HEIGHT",
    "VIEW_PLATE",
    "VIEW_WIDTH",
    "Fit",
    "cut_view",
    "fit",
    "inverse",
    "letterbox",
    "transform",
    "view_matrix",
]

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

VIEW_WIDTH, VIEW_HEIGHT = 160, 96
"""px of the second look's input."""
VIEW_PLATE = (96, 56)
"""px: a proposal fills this width or this height of the view, as it fits."""


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
