"""The part of a frame in which plates are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.sources.image import Image


@dataclass(frozen=True)
class Region:
    """A polygon in a frame.

    A plate counts if its middle is inside; it may reach beyond. Nothing is painted over: the edges of what is
    painted could look like a plate's.

    Attributes:
        points: px, at least three.
        text: as the user wrote it.
    """

    points: tuple[tuple[int, int], ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> Region:
        """X,Y,W,H, or the corners of a polygon X1,Y1,X2,Y2,X3,Y3,…, all in px.

        Raises:
            ValueError: it is neither, in words.
        """
        try:
            numbers = [int(part) for part in text.split(",")]
        except ValueError:
            raise ValueError(f"{text!r} is not X,Y,W,H or X1,Y1,X2,Y2,X3,Y3,… in pixels") from None
        if len(numbers) == 4:
            x, y, width, height = numbers
            region = cls(((x, y), (x + width, y), (x + width, y + height), (x, y + height)), text)
            possible = width > 0 and height > 0
        elif len(numbers) >= 6 and len(numbers) % 2 == 0:
            region = cls(tuple(zip(numbers[::2], numbers[1::2], strict=True)), text)
            possible = cv2.contourArea(region._outline) >= 1
        else:
            raise ValueError(f"{text!r} is not X,Y,W,H or X1,Y1,X2,Y2,X3,Y3,… in pixels")
        if not possible or min(numbers) < 0 or max(numbers) > 1 << 20:
            raise ValueError(f"{text!r} is no region of an image")
        return region

    @property
    def is_rectangle(self) -> bool:
        """Whether it was given as X,Y,W,H."""
        return self.text.count(",") == 3

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width and height of the upright rectangle around it, px."""
        (left, top), (right, bottom) = np.min(self.points, 0).tolist(), np.max(self.points, 0).tolist()
        return left, top, right - left, bottom - top

    def contains(self, x: float, y: float) -> bool:
        """Whether that point is inside or on the edge."""
        return cv2.pointPolygonTest(self._outline, (x, y), False) >= 0

    def within(self, image: Image) -> Image:
        """The part of *image* in `box`, a view of it.

        Raises:
            FatalError: the region is not within the image.
        """
        x, y, width, height = self.box
        if x + width > image.shape[1] or y + height > image.shape[0]:
            raise FatalError(
                f"--roi {self.text}",
                f"is not within the frame of {image.shape[1]}×{image.shape[0]}",
                "choose a smaller region",
            )
        return image[y : y + height, x : x + width]

    @cached_property
    def _outline(self) -> np.ndarray:
        return np.array(self.points, np.float32)
