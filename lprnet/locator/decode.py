"""From the network's output to plates: NumPy and OpenCV only, as a board has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STRIDE = 8
"""px of the input a cell of the output, both ways."""
SCORE, ROWS, SIZE, CORNERS, CHANNELS = 0, 1, 2, slice(3, 11), 11
"""Channels of the output, float32[`CHANNELS`,h,w]: logit of a plate, logit of two rows, s, v as x0, y0, … y3.

Corner k is the cell's centre + `UNIT` · exp(s) · v[k]. The plate's size is apart from its shape, so that v
has one range for plates of all sizes, and the exponential is needed at peaks only.
"""
UNIT = 32.0
"""px, width of a plate with s = 0."""
OVERLAP = 0.3
"""Of two plates whose hulls overlap more (intersection over union), the less sure one is dropped."""
_NEIGHBOURS = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])


@dataclass(frozen=True, eq=False)
class Found:
    """N plates, the surest first.

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

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Found:
        """Those that *chosen* indexes."""
        return Found(self.corners[chosen], self.scores[chosen], self.two_rows[chosen])

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """Those of all *parts*, in their order."""
        parts = [cls.none(), *parts]
        return cls(
            np.concatenate([part.corners for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.two_rows for part in parts]),
        )

    @classmethod
    def none(cls) -> Found:
        return cls(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def decode(output: Floats, threshold: float, most: int = 64) -> Found:
    """Plates that float32[11,h,w] speaks of with a score of at least *threshold*.

    A plate is where a cell's score is the greatest of the 3 × 3 cells around it; its corners are the mean of
    what these cells say, weighted by their scores. The time it takes is bounded by *most*, the peaks that are
    looked at, however many plate-like patterns there are.
    """
    logits = output[SCORE]
    least = np.float32(np.log(threshold) - np.log1p(-threshold))
    peaks = (logits >= least) & (logits == cv2.dilate(logits, np.ones((3, 3), np.uint8)))
    y, x = np.nonzero(peaks)
    if not len(y):
        return Found.none()
    order = np.argsort(-logits[y, x], kind="stable")[:most]
    y, x = y[order], x[order]
    height, width = logits.shape
    rows, columns = y[:, None] + _NEIGHBOURS[:, 0], x[:, None] + _NEIGHBOURS[:, 1]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    around = output[:, rows, columns]
    weights = sigmoid(around[SCORE]) * inside
    weights /= weights.sum(1, keepdims=True)
    centers = (np.stack([columns, rows]) + np.float32(0.5)) * STRIDE
    shapes = around[CORNERS].reshape(4, 2, len(y), 9)
    corners = centers + np.exp(around[SIZE].clip(-3, 4)) * np.float32(UNIT) * shapes
    mean = (corners * weights).sum(3).transpose(2, 0, 1).astype(np.float32)
    found = Found(mean, sigmoid(logits[y, x]), sigmoid(output[ROWS, y, x]))
    return found.take(surviving(mean, OVERLAP))


def surviving(corners: Floats, overlap: float) -> NDArray[np.intp]:
    """Indices of what non-maximum suppression leaves of float32[N,4,2], the surest first."""
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
    overlaps = intersection_over_union(boxes, boxes)
    kept = np.zeros(len(boxes), bool)
    for i in range(len(boxes)):
        kept[i] = not (overlaps[i, :i] > overlap)[kept[:i]].any()
    return np.nonzero(kept)[0]


def intersection_over_union(a: Floats, b: Floats) -> Floats:
    """Of all boxes float32[N,4] (left, top, right, bottom) with all of float32[M,4]: float32[N,M]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-6), np.float32)
