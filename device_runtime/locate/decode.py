"""What the locator's networks say: maps of a frame → candidates, maps of a view → corners and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STRIDE = 8
"""px of the input a cell of find's output, both ways."""
SCORE, ROWS, SIZE, CORNERS, CHANNELS = 0, 1, 2, slice(3, 11), 11
"""Channels of find's output, float32[11,h,w]: logits of a plate and of two rows, s, v as x0, y0, … y3.

Corner k is the cell's centre + `UNIT` · exp(s) · v[k]. The plate's size is apart from its shape, so that v
has one range for plates of all sizes, and the exponential is needed at peaks only.
"""
UNIT = 32.0
"""px, width of a plate with s = 0."""
OVERLAP = 0.3
"""Of two plates whose hulls overlap more (intersection over union), the less sure one is dropped."""
PEAKS = 48
"""Peaks of find's output that are decoded at most, the surest first."""

VIEW_STRIDE = 4
"""px of the view a cell of refine's output, both ways."""
VIEW_CORNERS, VIEW_SCORE, VIEW_ROWS, VIEW_CHANNELS = slice(0, 4), 4, 5, 6
"""Channels of refine's output, float32[`VIEW_CHANNELS`,16,32]: a heatmap a corner, logit of a plate, logit of
two rows. A logit is the mean over its map."""

_STEPS = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], np.intp)
"""x and y of a cell's neighbours, itself among them, from its own."""
_ITSELF = 4
_MIDDLES = (_STEPS + 0.5) * STRIDE


@dataclass(frozen=True, eq=False)
class Candidates:
    """N proposals of `find`, the surest first.

    Attributes:
        corners: float32[N,4,2], px, from the plate's top left clockwise as it is read.
        scores: float32[N], 0 to 1.
        two_rows: float32[N], how sure it is, 0 to 1, that a plate has two rows of text.
    """

    corners: Floats
    scores: Floats
    two_rows: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Candidates:
        """Those that *chosen* indexes."""
        return Candidates(self.corners[chosen], self.scores[chosen], self.two_rows[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Those of all *parts*, in their order."""
        parts = [cls.none(), *parts]
        return cls(
            np.concatenate([part.corners for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.two_rows for part in parts]),
        )

    @classmethod
    def none(cls) -> Candidates:
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, eq=False)
class Refined:
    """What `refine` says of one view.

    Attributes:
        corners: float32[4,2], px of the view, from the plate's top left clockwise as it is read.
        logit: that there is a plate.
        rows_logit: that it has two rows of text.
    """

    corners: Floats
    logit: float
    rows_logit: float


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def logit(score: float) -> float:
    """Inverse of `sigmoid`, of a score within (0, 1)."""
    return math.log(score) - math.log1p(-score)


def decode(output: Floats, threshold: float, most: int = PEAKS) -> Candidates:
    """Plates that find's output float32[11,h,w] speaks of with a score of at least *threshold*.

    A plate is where a cell's score is the greatest of the 3 × 3 cells around it; its corners are the mean of
    what these cells say, weighted by their scores. The time it takes is bounded by *most*, the peaks that are
    looked at, however many plate-like patterns there are.
    """
    maps, grid = output.reshape(CHANNELS, -1), _grid(*output.shape[1:])
    logits = maps[SCORE]
    # Few cells are likely, and what is done for these alone takes less than what is done for all.
    likely = (logits >= logit(threshold)).nonzero()[0]
    cells = grid.around.take(likely, 0)
    around = logits.take(cells)
    peaks = (around[:, _ITSELF] == np.maximum.reduce(around, 1)).nonzero()[0]
    if not len(peaks):
        return Candidates.none()
    if len(peaks) > 1:
        peaks = peaks.take((-around[:, _ITSELF].take(peaks)).argsort(kind="stable")[:most])
    likely = likely.take(peaks)
    around = maps[:, cells.take(peaks, 0)]
    likelihoods = sigmoid(around[: ROWS + 1])
    scores, two_rows = likelihoods[:, :, _ITSELF]
    weights = likelihoods[SCORE] * grid.inside.take(likely, 0)
    weights /= np.add.reduce(weights, 1, keepdims=True)
    # Σ w · (centre + UNIT · exp(s) · v), the two terms apart.
    middles = weights @ _MIDDLES + grid.places.take(likely, 0)
    weights *= np.exp(np.minimum(around[SIZE], 4))
    offsets = np.einsum("cnk,nk->nc", around[CORNERS], weights).reshape(-1, 4, 2) * np.float32(UNIT)
    corners = (middles[:, None] + offsets).astype(np.float32)
    found = Candidates(corners, scores, two_rows)
    left = surviving(corners, OVERLAP)
    return found if len(left) == len(found) else found.take(left)


def decode_view(output: Floats) -> Refined:
    """Corners and logits of refine's output float32[6,h,w].

    A corner is the mean of the cells' centres, weighted by the softmax of its heatmap (soft-argmax; Nibali et
    al., arXiv:1801.07372).
    """
    maps = output.reshape(VIEW_CHANNELS, -1)
    heat = maps[VIEW_CORNERS]
    cells, ones = _cells(*output.shape[1:])
    sums = np.exp(heat - np.maximum.reduce(heat, 1, keepdims=True)) @ cells
    score, rows = (maps[VIEW_SCORE:] @ ones).tolist()
    return Refined(sums[:, :2] / sums[:, 2:], score / len(cells), rows / len(cells))


def surviving(corners: Floats, overlap: float) -> NDArray[np.intp]:
    """Indices of what non-maximum suppression leaves of float32[N,4,2], the surest first."""
    if len(corners) < 2:
        return np.arange(len(corners))
    boxes = zip(np.minimum.reduce(corners, 1).tolist(), np.maximum.reduce(corners, 1).tolist(), strict=True)
    left: list[int] = []
    kept: list[tuple[float, float, float, float, float]] = []
    for i, ((x0, y0), (x1, y1)) in enumerate(boxes):
        area = (x1 - x0) * (y1 - y0)
        for u0, v0, u1, v1, other in kept:
            if x0 < u1 and u0 < x1 and y0 < v1 and v0 < y1:
                both = (min(x1, u1) - max(x0, u0)) * (min(y1, v1) - max(y0, v0))
                if both > overlap * (area + other - both):
                    break
        else:
            left.append(i)
            kept.append((x0, y0, x1, y1, area))
    return np.array(left, np.intp)


def intersection_over_union(a: Floats, b: Floats) -> Floats:
    """Of all boxes float32[N,4] (left, top, right, bottom) with all of float32[M,4]: float32[N,M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[:, :, 0] * sides[:, :, 1]
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-6), np.float32)


@dataclass(frozen=True, eq=False)
class _Grid:
    """What is the same for all maps of a size, by cell.

    Attributes:
        around: intp[cells,9], the cell's neighbours; itself where there is none.
        inside: float32[cells,9], 1 where there is one, else 0.
        places: float64[cells,2], px of the input, x and y of the cell's corner.
    """

    around: NDArray[np.intp]
    inside: Floats
    places: NDArray[np.float64]


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> _Grid:
    y, x = (axis.ravel() for axis in np.mgrid[:height, :width])
    columns, rows = x[:, None] + _STEPS[:, 0], y[:, None] + _STEPS[:, 1]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    around = np.where(inside, rows * width + columns, np.arange(height * width)[:, None])
    places = np.stack([x, y], 1).astype(np.float64) * STRIDE
    return _Grid(around.astype(np.intp), inside.astype(np.float32), places)


@lru_cache(maxsize=8)
def _cells(height: int, width: int) -> tuple[Floats, Floats]:
    """float32[height·width,3], x, y (px of the view) and 1 of every cell of a view's map; the ones alone."""
    y, x = np.mgrid[:height, :width]
    cells = np.stack([(x + 0.5) * VIEW_STRIDE, (y + 0.5) * VIEW_STRIDE, x * 0 + 1], 2)
    return cells.reshape(-1, 3).astype(np.float32), np.ones(height * width, np.float32)
