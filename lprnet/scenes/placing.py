"""Where a plate's corners fall, and drawing it there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.scenes.lettering import Mask
from lprnet.scenes.scene import Floats, Image


def tilted(rng: Generator, width: float, height: float, strength: float = 1.0) -> Floats:
    """Corners float32[4,2] around (0, 0) of a plate seen by a pinhole camera, from its top left clockwise.

    The plate is turned about its three axes (roll σ 5° and up to 22°, yaw σ 20°, pitch σ 10°) and seen from 3
    to 15 plate widths away; then it is scaled to the mean edge length *width*.

    Args:
        rng: source of every random choice.
        width: of the upper and lower edge together, halved, px.
        height: of the plate seen from the front, px.
        strength: of the turning; 0 gives an upright rectangle.
    """
    roll = rng.normal(0, 5) if rng.random() < 0.75 else rng.uniform(-22, 22)
    yaw, pitch = rng.normal(0, 20), rng.normal(4, 10)
    pitch, yaw, roll = np.clip([pitch, yaw, roll], -55, 55) * strength
    return turned(width, height, (pitch, yaw, roll), np.exp(rng.uniform(np.log(3), np.log(15))))


def turned(width: float, height: float, angles: tuple[float, float, float], away: float) -> Floats:
    """Corners float32[4,2] as of `tilted` of a plate in one position.

    Args:
        width: of the upper and lower edge together, halved, px.
        height: of the plate seen from the front, px.
        angles: pitch, yaw and roll in degrees; a positive roll turns clockwise.
        away: from the camera, in plate widths.
    """
    radians = np.radians(angles)
    rotation, _ = cv2.Rodrigues(np.array([0, 0, radians[2]]))
    for axis in (1, 0):
        vector = np.zeros(3)
        vector[axis] = radians[axis]
        rotation = rotation @ cv2.Rodrigues(vector)[0]
    x, y = width / 2, height / 2
    points = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]]) @ rotation.T
    distance = width * away
    seen = points[:, :2] * (distance / (distance + points[:, 2:]))
    edge = np.linalg.norm((seen[1] - seen[0] + seen[2] - seen[3]) / 2)
    return np.asarray((seen - seen.mean(0)) * (width / edge), np.float32)


def perspective(source: Floats, target: Floats) -> np.ndarray:
    """Matrix float64[3,3] for `cv2.warpPerspective` that takes *source* to *target*, both float32[4,2].

    The points are continuous coordinates; OpenCV's have pixel centres at whole numbers, half a pixel less.
    """
    return cv2.getPerspectiveTransform(np.float32(source - 0.5), np.float32(target - 0.5))


def stamp(canvas: Image, face: Image, corners: Floats, border: int = 0, cover: Mask | None = None) -> None:
    """Draw *face* with its corners at *corners*, in place; what falls outside is cut off.

    Args:
        canvas: uint8[H,W,3].
        face: uint8[h,w,3], the plate and *border* pixels around it.
        corners: float32[4,2] of the plate, without the border, from top left clockwise.
        border: px of *face*.
        cover: uint8[h,w], how much of each pixel of *face* is drawn, up to 255; all if None.
    """
    h, w = face.shape[0] - 2 * border, face.shape[1] - 2 * border
    square = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    outer = square + np.float32(border) * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    hull = cv2.perspectiveTransform(outer[None], cv2.getPerspectiveTransform(square, corners))[0]
    left, top = np.maximum(np.floor(hull.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(hull.max(0)).astype(int) + 1, canvas.shape[1::-1])
    if right <= left or bottom <= top:
        return
    # Like a sensor's pixels, those of the canvas are means: of a finer picture, drawn from a plate that is
    # shrunk to about its size first.
    length = max(
        float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[2] - corners[3]))
    )
    fine = 3 if length < 60 else 2 if length < 130 else 1
    shrink = length * fine / w
    if shrink < 0.7:
        size = (max(round(face.shape[1] * shrink), 4), max(round(face.shape[0] * shrink), 4))
        scale = np.array([size[0] / face.shape[1], size[1] / face.shape[0]], np.float32)
        face = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_AREA), np.uint8)
        if cover is not None:
            cover = np.asarray(cv2.resize(cover, size, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        scale = np.ones(2, np.float32)
    source = (square + border) * scale
    matrix = perspective(source, (corners - np.array([left, top], np.float32)) * fine)
    size = ((right - left) * fine, (bottom - top) * fine)
    drawn = cv2.warpPerspective(face, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Polygons are drawn half a pixel too large all around; a warped mask ends where the plate does.
    solid = np.full(face.shape[:2], 255, np.uint8) if cover is None else cover
    mask = cv2.warpPerspective(solid, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    if fine > 1:
        small = (right - left, bottom - top)
        drawn = cv2.resize(drawn, small, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, small, interpolation=cv2.INTER_AREA)
    blend(canvas[top:bottom, left:right], np.asarray(drawn, np.uint8), np.asarray(mask, np.uint8))


def blend(place: Image, drawn: Image, mask: Image) -> None:
    """*drawn* over *place* (both uint8[H,W,3]) where uint8[H,W] *mask* is 255, in place."""
    alpha = cv2.merge([mask, mask, mask])
    upper = cv2.multiply(drawn, alpha, scale=1 / 255)
    lower = cv2.multiply(place, cv2.bitwise_not(alpha), scale=1 / 255)
    cv2.add(upper, lower, dst=place)
