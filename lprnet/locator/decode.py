"""The decoder of the board, under the names that training and evaluation know."""

from device_runtime.locate.decode import (
    CHANNELS,
    CORNERS,
    OVERLAP,
    ROWS,
    SCORE,
    SIZE,
    STRIDE,
    UNIT,
    Floats,
    decode,
    intersection_over_union,
    sigmoid,
    surviving,
)
from device_runtime.locate.decode import Candidates as Found

__all__ = [
    "CHANNELS",
    "CORNERS",
    "OVERLAP",
    "ROWS",
    "SCORE",
    "SIZE",
    "STRIDE",
    "UNIT",
    "Floats",
    "Found",
    "decode",
    "intersection_over_union",
    "sigmoid",
    "surviving",
]
