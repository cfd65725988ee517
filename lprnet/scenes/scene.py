"""A labelled picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.uint8]
"""uint8[H,W,3] BGR."""
Floats = NDArray[np.float32]


def floats(values: ArrayLike) -> Floats:
    """*values* as float32."""
    return np.asarray(values, np.float32)


MOST_PLATES = 8
"""Plates in a scene at most; `Batch` has room for them."""


class Role(IntEnum):
    """What may be learnt from a labelled plate."""

    NONE = 0
    """No plate: an empty place in a batch."""
    CORNERS = 1
    """A plate whose corners are exact."""
    BOX = 2
    """A plate of which only the bounding box is known, to some per cent."""
    IGNORED = 3
    """Cut by the edge or too small: neither a plate to find nor a place to find none."""


@dataclass(frozen=True)
class Placed:
    """A plate in a picture.

    Attributes:
        corners: float32[4,2], px, of its outer edge, from its top left clockwise.
        rows: of text, 1 or 2.
        role: what may be learnt from it.
        text: what it reads, "" if that is not known.
        kind: of `face.Face`, "" if that is not known.
    """

    corners: Floats
    rows: int
    role: Role = Role.CORNERS
    text: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Scene:
    """A picture, uint8[H,W,3] BGR, and every plate in it."""

    image: Image
    plates: tuple[Placed, ...]


@dataclass(frozen=True)
class Batch:
    """N scenes of one size.

    Attributes:
        images: uint8[N,H,W,3] BGR.
        corners: float32[N,MOST_PLATES,4,2], px.
        rows: uint8[N,MOST_PLATES], 1 or 2.
        roles: uint8[N,MOST_PLATES], values of `Role`.
    """

    images: Image
    corners: Floats
    rows: NDArray[np.uint8]
    roles: NDArray[np.uint8]

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Batch:
        """*scenes* side by side; of a scene with more than `MOST_PLATES` plates the first ones."""
        corners = np.zeros((len(scenes), MOST_PLATES, 4, 2), np.float32)
        rows = np.ones((len(scenes), MOST_PLATES), np.uint8)
        roles = np.zeros((len(scenes), MOST_PLATES), np.uint8)
        for n, scene in enumerate(scenes):
            for k, plate in enumerate(scene.plates[:MOST_PLATES]):
                corners[n, k], rows[n, k], roles[n, k] = plate.corners, plate.rows, plate.role
        return cls(np.stack([scene.image for scene in scenes]), corners, rows, roles)


def role_of(corners: Floats, width: int, height: int, smallest: float) -> Role | None:
    """Role of a plate with exact *corners* in a picture *width* × *height*; None for one quite outside.

    Args:
        corners: float32[4,2].
        width: px.
        height: px.
        smallest: mean width in px from which on a plate is to be found.
    """
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    inside = max(min(right, width) - max(left, 0), 0) * max(min(bottom, height) - max(top, 0), 0)
    whole = (right - left) * (bottom - top)
    if inside <= 0:
        return None
    if inside < 0.94 * whole or width_of(corners) < smallest:
        return Role.IGNORED
    return Role.CORNERS


def width_of(corners: Floats) -> float:
    """Mean length of the upper and the lower edge of float32[4,2], px."""
    return float(np.linalg.norm((corners[1] - corners[0] + corners[2] - corners[3]) / 2))


def height_of(corners: Floats) -> float:
    """Mean length of the left and the right edge of float32[4,2], px."""
    return float(np.linalg.norm((corners[3] - corners[0] + corners[2] - corners[1]) / 2))
