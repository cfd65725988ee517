"""Where a plate is in a picture, and how two such places lie to each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from device_runtime.locate.decode import Floats
from device_runtime.locate.geometry import height_of, width_of

Point = tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """A quadrilateral, px.

    Attributes:
        points: four, from the plate's top left clockwise as it is read.
        centre: their mean.
        width: mean length of the upper and the lower side.
        height: of the left and the right one.
    """

    points: tuple[Point, Point, Point, Point]
    centre: Point
    width: float
    height: float

    @classmethod
    def of(cls, corners: Floats) -> Outline | None:
        """That of float32[4,2], or None where it has no size or is not finite."""
        a, b, c, d = ((float(x), float(y)) for x, y in corners.tolist())
        width, height = width_of(corners), height_of(corners)
        if not (math.isfinite(width) and math.isfinite(height) and min(width, height) > 0):
            return None
        centre = ((a[0] + b[0] + c[0] + d[0]) / 4, (a[1] + b[1] + c[1] + d[1]) / 4)
        return cls((a, b, c, d), centre, width, height)

    def moved(self, x: float, y: float) -> Outline:
        """The same, *x* px to the right and *y* px down."""
        a, b, c, d = ((px + x, py + y) for px, py in self.points)
        return Outline((a, b, c, d), (self.centre[0] + x, self.centre[1] + y), self.width, self.height)


def area(points: list[Point]) -> float:
    """Of a polygon, positive where it runs clockwise as seen (y points down)."""
    return (
        sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)) / 2
    )


def iou(one: Outline, other: Outline) -> float:
    """Intersection over union, 0 to 1.

    By Sutherland and Hodgman, Reentrant Polygon Clipping (1974); an outline that is not convex counts as its
    bounding box.
    """
    a, b = _convex(one), _convex(other)
    common = a
    for (x0, y0), (x1, y1) in zip(b, b[1:] + b[:1], strict=True):
        sides = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in common]
        clipped: list[Point] = []
        for i, (point, side) in enumerate(zip(common, sides, strict=True)):
            before, other_side = common[i - 1], sides[i - 1]
            if (side >= 0) != (other_side >= 0):
                t = other_side / (other_side - side)
                clipped.append(
                    (before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1]))
                )
            if side >= 0:
                clipped.append(point)
        common = clipped
        if not common:
            return 0.0
    shared = max(area(common), 0.0)
    union = area(a) + area(b) - shared
    return min(shared / union, 1.0) if union > 0 else 0.0


def _convex(outline: Outline) -> list[Point]:
    """Its points clockwise as seen."""
    points = list(outline.points)
    turns = [
        (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1)
        for (x0, y0), (x1, y1), (x2, y2) in zip(
            points, points[1:] + points[:1], points[2:] + points[:2], strict=True
        )
    ]
    if all(turn >= 0 for turn in turns):
        return points
    if all(turn <= 0 for turn in turns):
        return points[::-1]
    xs, ys = zip(*points, strict=True)
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def crosses(start: Point, end: Point, line: tuple[float, float, float, float]) -> int:
    """Whether the way from *start* to *end* crosses *line*, x1, y1, x2, y2: 0 if not.

    1 from its left to its right, seen from its first point to its second; -1 the other way.
    """
    x1, y1, x2, y2 = line

    def side(point: Point) -> float:
        return (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)

    def beside(x: float, y: float) -> float:
        return (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])

    before, after = side(start), side(end)
    if (before > 0) == (after > 0) or beside(x1, y1) * beside(x2, y2) > 0:
        return 0
    return 1 if after > 0 else -1
