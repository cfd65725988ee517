"""Small plates in large frames: the whole frame is looked at first, then tiles of it at larger scales.

┌───────────────┐   ┌────┬┬────┬┬────┐
│               │   │    ││    ││    │   Tiles overlap by more than the width of the smallest plate that
│     whole     │ + ├────┼┼────┼┼────┤   the scale before is sure to show, so that a plate is whole in one
│               │   ├────┼┼────┼┼────┤   of them or large enough in the other.
└───────────────┘   └────┴┴────┴┴────┘
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from device_runtime.errors import FatalError
from device_runtime.locate.geometry import ENLARGED, GRID, LOWEST, NARROWEST, Fit, fit

SMALLEST = 20.0
"""px of find's input: width from which on a plate is found in nearly every photograph (16 px: in 9 of 10)."""
_STEP = 3.0
"""From one scale to the next at most; with more, tiles would have to overlap by half."""
_SPARE = 1.25
"""Overlap over the width of the smallest plate that the scale before shows."""
LEAST_AREA = 160 * 160
"""px of a tile in find's input, whatever a user asks for: smaller ones would be overlap for the most part."""
MOST_TILES = 4096


@dataclass(frozen=True)
class Tile:
    """A part of a frame that is looked at.

    Attributes:
        x, y, width, height: px of the frame.
        fit: how it fills find's input.
        whole: whether it is the whole frame, so that nothing is cut off at its edges.
    """

    x: int
    y: int
    width: int
    height: int
    fit: Fit
    whole: bool


def wanted_scale(width: int, height: int, size: int | None, narrowest: int | None) -> float:
    """px of find's input a px of the frame, so that what a user asks for can be seen.

    Args:
        size: the frame is to come out as large as in a square of this side, px.
        narrowest: width of the narrowest plate that is to be found, px of the frame.
    """
    by_size = min(fit(width, height, max(size, GRID) ** 2).scale) if size else 0.0
    by_width = SMALLEST / narrowest if narrowest else 0.0
    return min(max(by_size, by_width), ENLARGED)


@lru_cache(maxsize=64)
def tiles(width: int, height: int, area: int, scale: float) -> tuple[Tile, ...]:
    """What to look at of a frame of *width* × *height* px: all of it, then tiles up to *scale*.

    Args:
        area: px of an input at most.
        scale: px of the input a px of the frame, at least; 0 leaves it at the whole frame.

    Raises:
        FatalError: these would be more than `MOST_TILES`.
    """
    whole = fit(width, height, area)
    planned = [Tile(0, 0, width, height, whole, whole=True)]
    first = min(whole.scale)
    # Of a scale a little larger nothing is gained.
    if scale <= first * 1.05:
        return tuple(planned)
    levels = math.ceil(math.log(scale / first, _STEP) - 1e-9)
    step = (scale / first) ** (1 / levels)
    for level in range(1, levels + 1):
        planned += _level(width, height, area, first * step**level, round(_SPARE * SMALLEST * step))
        if len(planned) > MOST_TILES:
            raise FatalError(
                "--min-plate-width, --locate-size",
                f"would take more than {MOST_TILES} looks at a frame of {width}×{height}",
                "look for wider plates or give --roi",
            )
    return tuple(planned)


def _level(width: int, height: int, area: int, scale: float, overlap: int) -> list[Tile]:
    """The fewest tiles that cover the frame at *scale*, evenly spread."""
    best: tuple[int, int, int] | None = None
    area = max(area, LEAST_AREA)
    for w in range(NARROWEST, area // LOWEST + 1, GRID):
        h = area // w // GRID * GRID
        if min(w, h) <= overlap:
            continue
        nx = max(math.ceil((width * scale - overlap) / (w - overlap)), 1)
        ny = max(math.ceil((height * scale - overlap) / (h - overlap)), 1)
        # Of as many tiles, the squarest.
        if best is None or (nx * ny, abs(w - h)) < (best[0] * best[1], best[2]):
            best = nx, ny, abs(w - h)
    assert best is not None
    nx, ny, _ = best
    xs, w = _spread(width, nx, overlap / scale)
    ys, h = _spread(height, ny, overlap / scale)
    to = fit(w, h, area)
    return [Tile(x, y, w, h, to, whole=nx == ny == 1) for y in ys for x in xs]


def _spread(length: int, n: int, overlap: float) -> tuple[list[int], int]:
    """Where *n* pieces begin that cover *length*, and how long each is."""
    piece = min(math.ceil((length + (n - 1) * overlap) / n), length)
    return [round(i * (length - piece) / max(n - 1, 1)) for i in range(n)], piece
