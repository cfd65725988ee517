"""A plate's four corners in a frame → the crop that the reader reads.

                 corners                     crop
    frame   1───────────2   homography   ┌────────────┐
            │  京A 12345 │  ──────────▶   │ 京A 12345   │  one row
            4───────────3                └────────────┘

              ┌─────────┐   cut          ┌────┐ ┌─────────┐      ┌──────────────┐
              │  京  A   │  ──────────▶   │京 A│ │ 1 2 3 4 5│  ──▶ │ 京A 1 2 3 4 5 │  two rows
              │1 2 3 4 5│                └────┘ └─────────┘      └──────────────┘
              └─────────┘

Where the plate is finer than the crop, pixels of the crop are means of areas: no pixel is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.sources.image import Image

Corners = NDArray[np.float32]
"""float32[4,2]: (x, y) in pixels, clockwise from the plate's top left as it is read.

(0, 0) is the frame's corner, (0.5, 0.5) the middle of its first pixel.
"""

SIZE = (94, 24)
"""px: width and height of the crop that LPRNet reads."""
UPPER = 0.34
"""Share of the crop's width that the upper of two rows gets.

It is that of the first two of seven characters in one row, the third of which starts at 151.5 of 440 mm
(GA 36-2018).
"""
LOWEST_CUT, HIGHEST_CUT = 0.30, 0.56
"""Where the rows may part, in shares of the plate's height from above.

That is at 82 of 220 mm on Chinese plates (GA 36-2018), and in the middle where both rows are as tall.
"""
CENTRED = (0.22, 0.78)
"""Left and right end of an upper row of two characters, in shares of the plate's width.

They stand at 110 to 330 of 440 mm.
"""
_FLAT = (188, 96)
"""px: width and height of a plate with two rows before it is cut."""
_QUIET = 0.4
"""An upper row ends where it does on Chinese plates if there is less than this share of its edges outside."""


@dataclass(frozen=True)
class Margin:
    """What a crop shows beyond the plate at each side: shares of the plate's width and of its height."""

    across: float
    down: float


MARGIN = Margin(0.02, 0.05)
"""Around a plate with one row: labels of real plates stand that far outside of them."""
MARGIN_OF_TWO_ROWS = Margin(0.01, 0.02)
"""Around a plate with two rows, whose upper one is small."""


def rectify(
    frame: Image,
    corners: Corners,
    rows: int = 1,
    size: tuple[int, int] = SIZE,
    margin: Margin | None = None,
) -> Image:
    """The crop uint8[height,width,3] of a plate, seen from the front; two rows are joined side by side.

    What lies outside the frame repeats the frame's edge.

    Args:
        frame: uint8[H,W,3].
        corners: of the plate.
        rows: of text, 1 or 2.
        size: width and height of the crop, px.
        margin: around the plate; `MARGIN` or `MARGIN_OF_TWO_ROWS` if None.
    """
    if rows == 1:
        return seen_from_front(frame, corners, size, margin or MARGIN)
    return join(seen_from_front(frame, corners, _FLAT, margin or MARGIN_OF_TWO_ROWS), size)


def seen_from_front(frame: Image, corners: Corners, size: tuple[int, int], margin: Margin = MARGIN) -> Image:
    """The plate at *corners* and a *margin* around it, uint8[height,width,3] for *size* = (width, height).

    Where the frame is finer than the result it is first shrunk by a whole number, to means of areas; where it
    still is, it is sampled twice as finely as the result, whose pixels are means of four samples.
    """
    width, height = size
    share = np.array([1 + 2 * margin.across, 1 + 2 * margin.down])
    # The plate's place in the result, px.
    low = np.array([margin.across, margin.down]) / share * size
    place = np.array([low, [width - low[0], low[1]], size - low, [low[0], height - low[1]]])
    corners = np.asarray(corners, np.float64)
    if not np.isfinite(corners).all():
        return np.zeros((height, width, 3), np.uint8)
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    # Pixels of the frame a pixel of the result, along the longer of two sides.
    steps = max(sides[0], sides[2]) * share[0] / width, max(sides[1], sides[3]) * share[1] / height
    shrink = max(int(min(steps)), 1)
    finer = 2 if max(steps) / shrink > 1.2 else 1
    to_frame = cv2.getPerspectiveTransform(place.astype(np.float32), corners.astype(np.float32))
    outline = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
    part, offset = _part(frame, cv2.perspectiveTransform(outline, to_frame)[0], shrink)
    if part is None:
        return np.zeros((height, width, 3), np.uint8)
    # OpenCV's coordinates have pixel centres at whole numbers, these here at halves.
    to_part = cv2.getPerspectiveTransform(
        (place * finer - 0.5).astype(np.float32), ((corners - offset) / shrink - 0.5).astype(np.float32)
    )
    seen = cv2.warpPerspective(
        part,
        to_part,
        (width * finer, height * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if finer > 1:
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    return np.asarray(seen, np.uint8)


def _part(frame: Image, hull: Corners, shrink: int) -> tuple[Image | None, NDArray[np.float64]]:
    """What *frame* shows of *hull*, shrunk to means of *shrink* × *shrink* pixels, and its top left corner.

    None if that is nothing.
    """
    if not np.isfinite(hull).all():
        return None, np.zeros(2)
    room = np.array(frame.shape[1::-1])
    low = np.clip(np.floor(hull.min(0)) - 2 * shrink, 0, room).astype(int)
    high = np.clip(np.ceil(hull.max(0)) + 2 * shrink, 0, room).astype(int)
    size = (high - low) // shrink
    if np.any(size < 1):
        return None, np.zeros(2)
    high = low + size * shrink
    part = frame[low[1] : high[1], low[0] : high[0]]
    if shrink > 1:
        part = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(part, np.uint8), low.astype(np.float64)


def join(flat: Image, size: tuple[int, int]) -> Image:
    """Both rows of a plate seen from the front side by side: uint8[height,width,3] for *size*.

    Args:
        flat: uint8[h,w,3], the plate.
        size: width and height in pixels; `UPPER` of the width is the upper row's.
    """
    cut, left, right = row_bounds(flat)
    width, height = size
    edge = round(UPPER * width)
    crop = np.empty((height, width, 3), np.uint8)
    for part, columns in ((flat[:cut, left:right], slice(edge)), (flat[cut:], slice(edge, width))):
        shape = (columns.indices(width)[1] - columns.indices(width)[0], height)
        crop[:, columns] = cv2.resize(part, shape, interpolation=cv2.INTER_AREA)
    return crop


def row_bounds(flat: Image) -> tuple[int, int, int]:
    """Where to cut a plate with two rows: the lower row's first line, the upper row's first and last column.

    The rows part at the line with the fewest upright edges, where characters have most of theirs. The upper
    row is taken for one of two characters in the middle (`CENTRED`) if it has few of them beside these.

    Args:
        flat: uint8[h,w,3], the plate seen from the front.
    """
    height, width = flat.shape[:2]
    grey = cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY)
    edges = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    # Frames and bolts at the sides are no characters.
    inner = edges[:, round(0.06 * width) : round(0.94 * width)]
    lines = cv2.reduce(inner, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    lines = cv2.blur(lines, (1, max(height // 16, 1) | 1))[:, 0]
    first, last = round(LOWEST_CUT * height), round(HIGHEST_CUT * height)
    cut = first + int(np.argmin(lines[first : last + 1]))
    upper = cv2.reduce(edges[round(0.12 * height) : cut], 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
    left, right = (round(share * width) for share in CENTRED)
    beside = np.concatenate([upper[round(0.04 * width) : left], upper[right : round(0.96 * width)]])
    if beside.mean() < _QUIET * upper[left:right].mean():
        return cut, left, right
    return cut, 0, width
