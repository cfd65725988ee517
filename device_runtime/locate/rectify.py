"""A plate's four corners in a frame → the crop that the reader reads.

                 corners                     crop
    frame   1───────────2   homography   ┌────────────┐
            │  京A 12345 │  ──────────▶   │ 京A 12345   │  one row
            4───────────3                └────────────┘

              ┌─────────┐   cut          ┌────┐ ┌─────────┐      ┌──────────────┐
              │  京  A   │  ──────────▶   │京 A│ │ 1 2 3 4 5│  ──▶ │ 京A 1 2 3 4 5 │  two rows
              │1 2 3 4 5│                └────┘ └─────────┘      └──────────────┘
              └─────────┘

Rows of other countries' plates are as long as each other, and are read apart, too (`rows_apart`).
Where the plate is finer than the crop, pixels of the crop are means of areas: no pixel is passed over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.geometry import in_part, moved, part_of, quadrilateral
from device_runtime.locate.warp import Warp, warp
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
WIDER_OF_TWO_ROWS = Margin(0.04, 0.08)
"""The same where the text is in doubt: corners of such plates are less exact, and a character that is cut off
is lost."""


def rectify(
    frame: Image,
    corners: Corners,
    rows: int = 1,
    size: tuple[int, int] = SIZE,
    margin: Margin | None = None,
    warp: Warp = warp,
) -> Image:
    """The crop uint8[height,width,3] of a plate, seen from the front; two rows are joined side by side.

    What lies outside the frame repeats the frame's edge.

    Args:
        frame: uint8[H,W,3].
        corners: of the plate.
        rows: of text, 1 or 2.
        size: width and height of the crop, px.
        margin: around the plate; `MARGIN` or `MARGIN_OF_TWO_ROWS` if None.
        warp: what sees a picture through a homography.
    """
    if rows == 1:
        return seen_from_front(frame, corners, size, margin or MARGIN, warp)
    return join(seen_from_front(frame, corners, _FLAT, margin or MARGIN_OF_TWO_ROWS, warp), size)


def rows_apart(
    frame: Image,
    corners: Corners,
    size: tuple[int, int] = SIZE,
    margin: Margin = MARGIN_OF_TWO_ROWS,
    warp: Warp = warp,
) -> tuple[Image, Image]:
    """The upper and the lower row of a plate, seen from the front, each a crop uint8[height,width,3].

    A row of a plate twice as wide as tall is about four times as wide as tall, as crops are: characters stay
    in proportion, and rows of like length have as much room as each other. Arguments as for `rectify`.
    """
    flat = seen_from_front(frame, corners, _FLAT, margin, warp)
    cut, _, _ = row_bounds(flat)
    upper, lower = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (flat[:cut], flat[cut:]))
    return np.asarray(upper, np.uint8), np.asarray(lower, np.uint8)


def seen_from_front(
    frame: Image, corners: Corners, size: tuple[int, int], margin: Margin = MARGIN, warp: Warp = warp
) -> Image:
    """The plate at *corners* and a *margin* around it, uint8[height,width,3] for *size* = (width, height).

    Where the frame is finer than the result it is first shrunk by a whole number, to means of areas; where it
    still is, it is sampled twice as finely as the result, whose pixels are means of four samples.
    """
    width, height = size
    share = 1 + 2 * margin.across, 1 + 2 * margin.down
    points = corners.tolist()
    if not all(math.isfinite(value) for point in points for value in point):
        return np.zeros((height, width, 3), np.uint8)
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    # Pixels of the frame a pixel of the result, along the longer of two sides.
    across = max(math.hypot(x1 - x0, y1 - y0), math.hypot(x2 - x3, y2 - y3)) * share[0] / width
    down = max(math.hypot(x3 - x0, y3 - y0), math.hypot(x2 - x1, y2 - y1)) * share[1] / height
    shrink = max(int(min(across, down)), 1)
    finer = 2 if max(across, down) / shrink > 1.2 else 1
    # The plate's place in the result, px.
    left, top = margin.across / share[0] * width, margin.down / share[1] * height
    to_frame = quadrilateral(points, left, top, width - 2 * left, height - 2 * top)
    *_, g, h, i = to_frame
    # If the horizon is in sight, this is no plate.
    ahead = i + min(g * width, 0) + min(h * height, 0) > 0
    outline = moved(((0, 0), (width, 0), (width, height), (0, height)), to_frame) if ahead else None
    part = part_of(frame, outline, shrink, 2 * shrink) if outline else None
    if part is None:
        return np.zeros((height, width, 3), np.uint8)
    image = part.image if shrink == 1 else cv2.resize(part.image, part.size, interpolation=cv2.INTER_AREA)
    seen = warp(image, in_part(to_frame, part, finer), (width * finer, height * finer))
    # What was warped may be overwritten.
    return cv2.resize(seen, size, interpolation=cv2.INTER_AREA) if finer > 1 else seen.copy()


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
