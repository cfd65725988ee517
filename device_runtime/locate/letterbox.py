"""A frame scaled into the input of the first look, in integers: a kernel computes the same, bit for bit.

    frame uint8[h,w,3] ── weighted rows ──▶ uint16 ── weighted columns, rounded once ──▶ uint8[H,W,3]

A pixel of the input is the mean of the area that it covers in the frame, along each axis; where the frame is
enlarged, it lies between the two nearest pixels (bilinear). Weights have 8 bits: those that a row is made
with, and those of a column, add up to `TOTAL`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.geometry import GREY, Fit
from device_runtime.sources.image import Image

TOTAL = 256
"""Sum of an output's weights along an axis."""
MOST = 255
"""The largest weight, for 8 bits; if it has to be more, a neighbour gets 1."""
AT_ONCE = 6
"""Columns that the kernel adds before it asks whether there are more."""

_ROWS = 16
"""Rows that the reference computes together, for the caches."""


@dataclass(frozen=True, eq=False)
class Axis:
    """What the outputs along one axis are made of.

    Attributes:
        start: int32[outputs], the first input of each.
        weights: uint8[outputs, inputs of each], of the inputs from there on.
    """

    start: NDArray[np.int32]
    weights: NDArray[np.uint8]


class Tables(NamedTuple):
    """What the kernel reads after the frame, in this order.

    Attributes:
        size: int32[2], rows and columns that the frame fills; the rest of an input of H × W is grey.
        row_start: int32[H], the first row of the frame that each row is made of.
        row_weights: uint8[H,inputs of each].
        column_start: int32[W].
        column_weights: int16[pairs of inputs of each,W,2].
    """

    size: NDArray[np.int32]
    row_start: NDArray[np.int32]
    row_weights: NDArray[np.uint8]
    column_start: NDArray[np.int32]
    column_weights: NDArray[np.int16]


def axis(inputs: int, outputs: int) -> Axis:
    """Weights that take *inputs* ≥ 2 pixels to *outputs*."""
    ratio = inputs / outputs
    edges = np.arange(outputs + 1) * ratio
    if ratio > 1:
        first = np.floor(edges[:-1] + 1e-9).astype(np.int64)
        end = np.minimum(np.ceil(edges[1:] - 1e-9).astype(np.int64), inputs)
        taps = max(2, int((end - first).max()))
        start = np.minimum(first, inputs - taps)
        # What is covered up to the end of each input: rounding this and not the weights keeps their sum.
        covered = start[:, None] + np.arange(taps + 1) - edges[:-1, None]
        shares = np.clip(covered / ratio, 0, 1)
    else:
        centre = np.clip(edges[:-1] + ratio / 2 - 0.5, 0, inputs - 1)
        start = np.minimum(np.floor(centre), inputs - 2).astype(np.int64)
        shares = np.stack([np.zeros(outputs), 1 - (centre - start), np.ones(outputs)], 1)
    weights = np.diff(np.floor(shares * TOTAL + 0.5).astype(np.int64), axis=1)
    full = weights.max(1) > MOST
    place = weights.argmax(1)
    neighbour = np.where(place > 0, place - 1, 1)
    weights[full, place[full]] -= 1
    weights[full, neighbour[full]] += 1
    return Axis(start.astype(np.int32), weights.astype(np.uint8))


@lru_cache(maxsize=64)
def tables(width: int, height: int, to: Fit) -> Tables:
    """For frames of *width* × *height* pixels, at least 2 × 2."""
    columns, rows = to.size
    down, across = _padded(axis(height, rows), to.height), _padded(axis(width, columns), to.width)
    return Tables(
        size=np.array([rows, columns], np.int32),
        row_start=down.start,
        row_weights=down.weights,
        column_start=across.start,
        column_weights=_in_pairs(across.weights),
    )


def letterbox(frame: Image, to: Fit) -> Image:
    """*frame* uint8[h,w,3] scaled into the input uint8[height,width,3], from its top left corner on."""
    frame = at_least_two(frame)
    height, width = frame.shape[:2]
    table, (columns, rows) = tables(width, height, to), to.size
    across = axis(width, columns)
    canvas = np.full((to.height, to.width, 3), GREY, np.uint8)
    for top in range(0, rows, _ROWS):
        part = slice(top, min(top + _ROWS, rows))
        narrow = np.zeros((part.stop - top, width, 3), np.uint16)
        for tap, weight in enumerate(table.row_weights[part].T.astype(np.uint16)):
            narrow += frame[table.row_start[part] + tap] * weight[:, None, None]
        sums = np.full((part.stop - top, columns, 3), TOTAL**2 // 2, np.uint32)
        for tap, weight in enumerate(across.weights.T.astype(np.uint32)):
            sums += narrow[:, across.start + tap] * weight[:, None]
        canvas[part, :columns] = sums // TOTAL**2
    return canvas


def at_least_two(frame: Image) -> Image:
    """A frame of one row or column has it twice; its rows lie end to end in memory."""
    for side in (0, 1):
        if frame.shape[side] == 1:
            frame = np.repeat(frame, 2, side)
    return np.ascontiguousarray(frame)


def _in_pairs(weights: NDArray[np.uint8]) -> NDArray[np.int16]:
    """`Tables.column_weights` of uint8[outputs,inputs of each], with zeros up to a multiple of `AT_ONCE`."""
    whole = np.pad(weights, ((0, 0), (0, -weights.shape[1] % AT_ONCE)))
    return np.ascontiguousarray(whole.reshape(len(whole), -1, 2).transpose(1, 0, 2), np.int16)


def _padded(axis: Axis, outputs: int) -> Axis:
    rest = outputs - len(axis.start)
    return Axis(np.pad(axis.start, (0, rest)), np.pad(axis.weights, ((0, rest), (0, 0))))
