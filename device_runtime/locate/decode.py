"""What the locator's networks say: maps of a frame → candidates, maps of a view → corners and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
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

_SQUARE = np.ones((3, 3), np.uint8)
_STEPS = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], np.intp)
"""x and y of a cell's neighbours, itself among them, from its own."""


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
    logits = output[SCORE]
    peaks = ((logits >= logit(threshold)) & (logits == cv2.dilate(logits, _SQUARE))).ravel().nonzero()[0]
    if not len(peaks):
        return Candidates.none()
    height, width = logits.shape
    surest = logits.ravel()[peaks]
    order = (-surest).argsort(kind="stable")[:most]
    peaks, surest = peaks[order], surest[order]
    y, x = np.divmod(peaks, width)
    cells = peaks[:, None] + (_STEPS[:, 1] * width + _STEPS[:, 0])
    beside = (x == 0) | (x == width - 1) | (y == 0) | (y == height - 1)
    inside = None
    if beside.any():
        columns, rows = x[:, None] + _STEPS[:, 0], y[:, None] + _STEPS[:, 1]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        cells = np.where(inside, cells, peaks[:, None])
    maps = output.reshape(CHANNELS, -1)
    around = maps[:, cells]
    weights = sigmoid(around[SCORE])
    if inside is not None:
        weights *= inside
    weights /= np.add.reduce(weights, 1, keepdims=True)
    # Σ w · (centre + UNIT · exp(s) · v), the two terms apart.
    middles = weights @ (_STEPS + np.float32(0.5))
    middles[:, 0] += x
    middles[:, 1] += y
    weights *= np.exp(np.minimum(around[SIZE], 4))
    offsets = np.einsum("cnk,nk->nc", around[CORNERS], weights).reshape(-1, 4, 2)
    corners = np.asarray(middles[:, None] * np.float32(STRIDE) + offsets * np.float32(UNIT), np.float32)
    found = Candidates(corners, sigmoid(surest), sigmoid(maps[ROWS][peaks]))
    return found.take(surviving(corners, OVERLAP))


def decode_view(output: Floats) -> Refined:
    """Corners and logits of refine's output float32[6,h,w].

    A corner is the mean of the cells' centres, weighted by the softmax of its heatmap (soft-argmax; Nibali et
    al., arXiv:1801.07372).
    """
    maps = output.reshape(VIEW_CHANNELS, -1)
    heat = maps[VIEW_CORNERS]
    cells = _cells(*output.shape[1:])
    sums = np.exp(heat - np.maximum.reduce(heat, 1, keepdims=True)) @ cells
    score, rows = (maps[VIEW_SCORE:] @ cells[:, 2]).tolist()
    return Refined(sums[:, :2] / sums[:, 2:], score / len(cells), rows / len(cells))


def surviving(corners: Floats, overlap: float) -> NDArray[np.intp]:
    """Indices of what non-maximum suppression leaves of float32[N,4,2], the surest first."""
    if len(corners) < 2:
        return np.arange(len(corners))
    boxes = np.concatenate([np.minimum.reduce(corners, 1), np.maximum.reduce(corners, 1)], 1)
    surer, weaker = (intersection_over_union(boxes, boxes) > overlap).nonzero()
    dropped: set[int] = set()
    # By rows, so that it is known of each whether it is dropped itself when its turn comes.
    for i, j in zip(surer.tolist(), weaker.tolist(), strict=True):
        if i < j and i not in dropped:
            dropped.add(j)
    return np.array([i for i in range(len(boxes)) if i not in dropped], np.intp)


def intersection_over_union(a: Floats, b: Floats) -> Floats:
    """Of all boxes float32[N,4] (left, top, right, bottom) with all of float32[M,4]: float32[N,M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[:, :, 0] * sides[:, :, 1]
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-6), np.float32)


@lru_cache(maxsize=8)
def _cells(height: int, width: int) -> Floats:
    """x, y (px of the view) and 1 of every cell of a view's map, float32[height·width,3]."""
    y, x = np.mgrid[:height, :width]
    return (
        np.stack([(x + 0.5) * VIEW_STRIDE, (y + 0.5) * VIEW_STRIDE, x * 0 + 1], 2)
        .reshape(-1, 3)
        .astype(np.float32)
    )
