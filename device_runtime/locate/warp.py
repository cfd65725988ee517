"""A picture seen through a homography, in whole numbers: a kernel computes the same, bit for bit.

    pixel u, v of the result ── homography ──▶ x, y in the picture, in steps of 1/32 px ── bilinear ──▶ uint8

The homography's numbers are scaled to whole ones, so that sums of them are exact. What comes after is a
division of two float32, which all processors round alike.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.sources.image import Image

Homography = tuple[float, float, float, float, float, float, float, float, float]
"""A homography's numbers, row by row."""
STEPS = 32
"""Places from a pixel to the next."""
BITS = 29
"""Of the whole numbers, of three of which a sum fits 32 bits."""
COUNT = 10
"""Of `Numbers.whole`."""


class Numbers(NamedTuple):
    """What the kernel reads after the picture.

    Attributes:
        whole: the homography's numbers, row by row; what is beside the picture, -1 where its edge goes on.
        scale: `STEPS` of the picture a unit of the quotient of two of their sums.
    """

    whole: tuple[int, int, int, int, int, int, int, int, int, int]
    scale: float


class Warp(Protocol):
    """What sees a picture through a homography, as `warp` does."""

    def __call__(
        self, picture: Image, to_picture: Homography, size: tuple[int, int], beside: int | None = None
    ) -> Image:
        """Arguments and result as of `warp`; the next call for that *size* may overwrite the result."""


def numbers(to_picture: Homography, size: tuple[int, int], beside: int | None) -> Numbers:
    """Arguments as of `warp`."""
    a, b, c, d, e, f, g, h, i = to_picture
    u, v = size[0] - 1, size[1] - 1
    # All are largest in a corner of the result.
    place = max(
        *(abs(c), abs(a * u + c), abs(b * v + c), abs(a * u + b * v + c)),
        *(abs(f), abs(d * u + f), abs(e * v + f), abs(d * u + e * v + f), 1.0),
    )
    divisor = max(i, g * u + i, h * v + i, g * u + h * v + i)
    places, divisors = BITS - math.frexp(place)[1], BITS - math.frexp(divisor)[1]
    p, q = 2.0**places, 2.0**divisors
    whole = (
        *(round(a * p), round(b * p), round(c * p), round(d * p), round(e * p), round(f * p)),
        *(round(g * q), round(h * q), round(i * q), -1 if beside is None else beside),
    )
    return Numbers(whole, STEPS * 2.0 ** (divisors - places))


def warp(picture: Image, to_picture: Homography, size: tuple[int, int], beside: int | None = None) -> Image:
    """uint8[height,width,3] for *size* = (width, height), its pixels from where *to_picture* says.

    Args:
        picture: uint8[h,w,3].
        to_picture: from the result's pixels to *picture*'s; (0, 0) is the middle of a first pixel, there and
            here. Its divisor is positive in the whole result.
        beside: what is beside *picture*, on all channels; its edge goes on there if None.
    """
    (a, b, c, d, e, f, g, h, i, _), scale = numbers(to_picture, size, beside)
    u, v = np.arange(size[0], dtype=np.int32), np.arange(size[1], dtype=np.int32)[:, None]
    divisor = np.maximum(g * u + (h * v + i), 1).astype(np.float32)
    last = [STEPS * (length - 1) for length in picture.shape[1::-1]]
    x = _steps(a * u + (b * v + c), divisor, scale, last[0])
    y = _steps(d * u + (e * v + f), divisor, scale, last[1])
    inside = [np.clip(steps, 0, end) for steps, end in ((x, last[0]), (y, last[1]))]
    pixels = np.stack([steps // STEPS for steps in inside], 2).astype(np.int16)
    shares = (inside[1] % STEPS * STEPS + inside[0] % STEPS).astype(np.uint16)
    seen = cv2.remap(picture, pixels, shares, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if beside is not None:
        half = STEPS // 2
        seen[(x < -half) | (x > last[0] + half) | (y < -half) | (y > last[1] + half)] = beside
    return seen


def _steps(
    sums: NDArray[np.int32], divisor: NDArray[np.float32], scale: float, last: int
) -> NDArray[np.int32]:
    """Where it is along one axis, in `STEPS`; a pixel before the first and behind the *last* one at most."""
    exact = sums.astype(np.float32) / divisor * np.float32(scale)
    # Of positive numbers the integer part is the floor.
    return (np.clip(exact, -STEPS, last + STEPS) + np.float32(STEPS + 0.5)).astype(np.int32) - STEPS
