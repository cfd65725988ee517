"""Networks of a locator made by hand: white spots are plates."""

from __future__ import annotations

import cv2
import numpy as np

from device_runtime.locate.decode import (
    CHANNELS,
    CORNERS,
    SCORE,
    SIZE,
    STRIDE,
    UNIT,
    VIEW_CHANNELS,
    VIEW_ROWS,
    VIEW_SCORE,
    Floats,
)
from device_runtime.locate.geometry import VIEW_HEIGHT, VIEW_WIDTH
from device_runtime.locate.locator import Find, Locator, Refine, Scoring, Search
from device_runtime.sources.image import Image

SQUARE = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _bounds(image: Image) -> tuple[Floats, Floats] | None:
    """Middle and half the size of what is white."""
    y, x = np.nonzero(image.min(2) > 150)
    if len(y) < 4:
        return None
    low, high = np.array([x.min(), y.min()]), np.array([x.max() + 1, y.max() + 1])
    return (low + high) / 2, (high - low) / 2


def find(image: Image) -> Floats:
    """A network that takes any white spot for a plate, and makes it a fifth too large."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    bounds = _bounds(image)
    if bounds is None:
        return output
    middle, half = bounds
    column, row = (middle // STRIDE).astype(int)
    size = np.log(2 * half[0] / UNIT)
    output[SCORE, row, column], output[SIZE, row, column] = 1, size
    center = (np.array([column, row]) + 0.5) * STRIDE
    corners = middle + 1.2 * half * SQUARE
    output[CORNERS, row, column] = ((corners - center) / (np.exp(size) * UNIT)).ravel()
    return output


def refine(view: Image) -> Floats:
    """A network that sees the corners of a white spot, takes it for a plate, and for one of two rows."""
    assert view.shape == (VIEW_HEIGHT, VIEW_WIDTH, 3)
    output = np.zeros((VIEW_CHANNELS, VIEW_HEIGHT // 4, VIEW_WIDTH // 4), np.float32)
    bounds = _bounds(view)
    output[VIEW_SCORE], output[VIEW_ROWS] = -6, -6
    if bounds is None:
        return output
    output[VIEW_SCORE], output[VIEW_ROWS] = 3, 6
    y, x = (np.mgrid[: VIEW_HEIGHT // 4, : VIEW_WIDTH // 4] + 0.5) * 4
    for k, (u, v) in enumerate(bounds[0] + bounds[1] * SQUARE):
        output[k] = -(np.square(x - u) + np.square(y - v)) / (2 * 3**2)
    return output


def spots(image: Image) -> Floats:
    """A network that takes each white spot for a plate."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    count, _, stats, _ = cv2.connectedComponentsWithStats((image.min(2) > 150).astype(np.uint8))
    for left, top, width, height, _ in stats[1:count].tolist():
        middle, half = np.array([left + width / 2, top + height / 2]), np.array([width / 2, height / 2])
        column, row = (middle // STRIDE).astype(int)
        size = np.log(width / UNIT)
        output[SCORE, row, column], output[SIZE, row, column] = 2, size
        center = (np.array([column, row]) + 0.5) * STRIDE
        output[CORNERS, row, column] = ((middle + half * SQUARE - center) / (np.exp(size) * UNIT)).ravel()
    return output


def everywhere(sureness: float) -> Floats:
    """A network that sees a plate in every third cell."""
    output = np.zeros((CHANNELS, 30, 40), np.float32)
    output[SCORE] = -9
    output[SCORE, ::3, ::3] = sureness
    output[CORNERS] = np.array([-0.3, -0.1, 0.3, -0.1, 0.3, 0.1, -0.3, 0.1])[:, None, None]
    return output


def unmoved(plate: float) -> Floats:
    """A view whose plate lies where it should."""
    output = np.full((VIEW_CHANNELS, 16, 32), plate, np.float32)
    y, x = (np.mgrid[:16, :32] + 0.5) * 4
    for k, (u, v) in enumerate([(22, 18), (106, 18), (106, 46), (22, 46)]):
        output[k] = -(np.square(x - u) + np.square(y - v)) / (2 * 3**2)
    return output


def by_hand(find: Find, refine: Refine, **search: int | float | None) -> Locator:
    """A locator of these networks with scores and limits of its own, whatever is fitted to real ones."""
    limits: dict[str, int | float | None] = {
        "proposing": 0.08,
        "looks": 3,
        "sure": 0.4,
        "clear": 0.9,
        "doubtful": 0.2,
        "threshold": 0.4,
    }
    scoring = Scoring(find=0.25, refine=0.75, offset=0)
    return Locator(find, refine, scoring=scoring, search=Search(**limits | search))  # type: ignore[arg-type]


def boxed(plate: Image, turn: float) -> Image:
    """*plate*, uint8[H,W,3], enlarged, turned clockwise by *turn* degrees and cut out by an upright box."""
    plate = np.asarray(cv2.resize(plate, (188, 48), interpolation=cv2.INTER_CUBIC), np.uint8)
    height, width = plate.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn, 1)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (int(width * cosine + height * sine), int(width * sine + height * cosine))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(plate, matrix, size, borderValue=(90, 90, 90)), np.uint8)
