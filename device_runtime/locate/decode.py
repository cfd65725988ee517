"""What the locator's networks say: maps of a frame → candidates, maps of a view → corners and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
_DY, _DX = (np.array(steps, np.intp) for steps in ((-1, -1, -1, 0, 0, 0, 1, 1, 1), (-1, 0, 1) * 3))


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
    peaks = np.flatnonzero((logits >= logit(threshold)) & (logits == cv2.dilate(logits, _SQUARE)))
    if not len(peaks):
        return Candidates.none()
    height, width = logits.shape
    surest = logits.ravel()[peaks]
    order = np.argsort(-surest, kind="stable")[:most]
    peaks, surest = peaks[order], surest[order]
    y, x = np.divmod(peaks, width)
    rows, columns = y[:, None] + _DY, x[:, None] + _DX
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    cells = np.where(inside, rows * width + columns, peaks[:, None])
    around = output.reshape(CHANNELS, -1)[:, cells]
    weights = sigmoid(around[SCORE]) * inside
    weights /= weights.sum(1, keepdims=True)
    # Σ w · (centre + UNIT · exp(s) · v), the two terms apart.
    middles = np.stack([(columns * weights).sum(1), (rows * weights).sum(1)], 1)
    scaled = weights * (np.float32(UNIT) * np.exp(np.clip(around[SIZE], -3, 4)))
    offsets = np.einsum("cnk,nk->nc", around[CORNERS], scaled).reshape(-1, 4, 2)
    corners = ((middles[:, None] + 0.5) * STRIDE + offsets).astype(np.float32)
    found = Candidates(corners, sigmoid(surest), sigmoid(output[ROWS].ravel()[peaks]))
    return found.take(surviving(corners, OVERLAP))


def decode_view(output: Floats) -> Refined:
    """Corners and logits of refine's output float32[6,h,w].

    A corner is the mean of the cells' centres, weighted by the softmax of its heatmap (soft-argmax; Nibali et
    al., arXiv:1801.07372).
    """
    height, width = output.shape[1:]
    maps = output.reshape(VIEW_CHANNELS, -1)
    heat = maps[VIEW_CORNERS]
    sums = np.exp(heat - heat.max(1, keepdims=True)) @ _centers(height, width)
    means = maps[VIEW_SCORE:].mean(1).tolist()
    corners = np.asarray(sums[:, :2] / sums[:, 2:], np.float32)
    return Refined(corners, means[0], means[VIEW_ROWS - VIEW_SCORE])


def surviving(corners: Floats, overlap: float) -> NDArray[np.intp]:
    """Indices of what non-maximum suppression leaves of float32[N,4,2], the surest first."""
    if len(corners) < 2:
        return np.arange(len(corners))
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    overlapping = intersection_over_union(boxes, boxes) > overlap
    left = np.ones(len(boxes), bool)
    for i in range(len(boxes) - 1):
        if left[i]:
            left[i + 1 :] &= ~overlapping[i, i + 1 :]
    return np.flatnonzero(left)


def intersection_over_union(a: Floats, b: Floats) -> Floats:
    """Of all boxes float32[N,4] (left, top, right, bottom) with all of float32[M,4]: float32[N,M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[..., 0] * sides[..., 1]
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-6), np.float32)


def _centers(height: int, width: int) -> Floats:
    """x, y and 1 of every cell of a view's map, float32[h·w,3], px of the view."""
    known = _CENTERS.get((height, width))
    if known is None:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        columns = [(x.ravel() + 0.5) * VIEW_STRIDE, (y.ravel() + 0.5) * VIEW_STRIDE, np.ones(x.size)]
        known = _CENTERS[height, width] = np.stack(columns, 1).astype(np.float32)
    return known


_CENTERS: dict[tuple[int, int], Floats] = {}
