"""Contact sheets of the locator: what it is trained on, and what it gets wrong."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.decode import Floats
from device_runtime.locate.geometry import GREY
from lprnet.evaluation.locator import Outcome
from lprnet.plates.pixels import Image
from lprnet.scenes.scene import Role, Scene

WIDTH, HEIGHT = 240, 144
"""px of a place on a sheet of errors."""
AROUND = 3.0
"""Widths of the plate that such a place shows."""
RED, GREEN, CYAN, BLUE = (0, 0, 255), (0, 200, 0), (255, 255, 0), (255, 120, 0)
_COLORS = {Role.CORNERS: GREEN, Role.BOX: CYAN, Role.IGNORED: RED}


def outline(image: Image, corners: Floats, color: tuple[int, int, int]) -> None:
    """Draw the quadrilateral float32[4,2] and a dot at its first corner, in place."""
    points = np.round((corners - 0.5) * 16).astype(np.int32)
    cv2.polylines(image, [points], True, color, 1, cv2.LINE_AA, 4)
    x, y = points[0].tolist()
    cv2.circle(image, (x, y), 32, color, -1, cv2.LINE_AA, 4)


def of_scenes(scenes: Sequence[Scene], columns: int) -> Image:
    """*scenes* of one size in rows of *columns*: exact corners green, boxes cyan, ignored plates red."""
    cells = []
    for scene in scenes:
        image = scene.image.copy()
        for plate in scene.plates:
            outline(image, plate.corners, _COLORS[plate.role])
        cells.append(image)
    return grid(cells, columns)


def worst(outcomes: Sequence[Outcome], count: int, columns: int = 6) -> Image:
    """At most *count* missed plates (red, the widest first), then as many boxes without a label (blue).

    Boxes are shown the surest first: among them are real plates that nobody labelled.
    """
    missed = [
        (plate.width, outcome, labelled.box, f"missed, {plate.width:.0f} px wide")
        for outcome in outcomes
        for plate, labelled in zip(outcome.plates, outcome.photograph.plates, strict=True)
        if not plate.found
    ]
    false = [
        (float(score), outcome, (*corners.min(0).tolist(), *corners.max(0).tolist()), f"{score:.2f}")
        for outcome in outcomes
        for corners, score in zip(
            outcome.found.corners[outcome.unmatched], outcome.found.scores[outcome.unmatched], strict=True
        )
    ]
    cells = []
    for errors, color in ((missed, RED), (false, BLUE)):
        for _, outcome, (left, top, right, bottom), caption in sorted(errors, key=lambda e: -e[0])[:count]:
            box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
            cells.append(_place(outcome, box, color, caption))
    return grid(cells, columns) if cells else np.full((HEIGHT, WIDTH, 3), 255, np.uint8)


def _place(outcome: Outcome, box: Floats, color: tuple[int, int, int], caption: str) -> Image:
    """The surroundings of *box*, with all that was found there in green."""
    cell, matrix = surroundings(outcome.photograph.read(), box)
    for corners, tint in (*((c, GREEN) for c in outcome.found.corners), (box, color)):
        outline(cell, moved(corners, matrix), tint)
    cv2.putText(cell, caption, (4, 14), cv2.FONT_HERSHEY_PLAIN, 0.9, (255, 255, 255), 1, cv2.LINE_AA)
    return cell


def surroundings(image: Image, box: Floats) -> tuple[Image, NDArray[np.float64]]:
    """The part of *image* around *box* float32[N,2], `WIDTH` × `HEIGHT`, and the matrix float64[2,3]."""
    scale = WIDTH / (AROUND * max(float(np.ptp(box[:, 0])), 4.0))
    matrix = np.array([[scale, 0, 0], [0, scale, 0]], np.float64)
    matrix[:, 2] = np.array([WIDTH, HEIGHT]) / 2 - scale * box.mean(0)
    part = cv2.warpAffine(
        image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT,
        borderValue=(GREY,) * 3,
    )  # fmt: skip
    return np.asarray(part, np.uint8), matrix


def moved(corners: Floats, matrix: NDArray[np.float64]) -> Floats:
    """float32[N,2] where *matrix* float64[2,3], a scaling and a shift, takes them."""
    return np.asarray(corners * matrix[0, 0] + matrix[:, 2], np.float32)


def grid(cells: list[Image], columns: int) -> Image:
    """*cells* of one size in rows of *columns*, the last row filled up with white."""
    cells = cells + [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])
