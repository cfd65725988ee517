"""What a camera and a plate detector make of a plate: perspective, crop, light, optics, sensor, codec."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_runtime.locate.geometry import quadrilateral
from lprnet.network.model import HEIGHT, WIDTH
from lprnet.plates.pixels import Floats, Image, between, flat, in_row, per_channel

OVERSAMPLING = 2
"""The scene is rendered at this multiple of the crop and area-averaged, which is what sensor pixels do."""

GRAIN = 1 << 20
"""Numbers in the noise that sensors' noise is taken from: forty times as many as the largest crop has."""
MARGINS = -0.03, 0.1
"""Of a plate's height: what is left around plates that are cut out by their corners."""


_SAME, _NOTHING = np.eye(3), np.zeros(3)
_DARKEST, _LOG_255 = np.float32(1e-30), np.float32(math.log(255))
TURNED, FORESHORTENED = 7.0, 0.35
"""Of plates in a detector's box: sigma of the angle in degrees, and the most that the width loses."""
ROOM = 0.14, 0.3
"""The most that such a box leaves left and right, above and below, of its own width and height."""


def photograph(rng: Generator, plate: Image, strength: float = 1.0, *, boxed: bool = False) -> Image:
    """Crop uint8[24,94,3] BGR of *plate* as a detector would cut it from a frame.

    Args:
        rng: source of every random choice.
        plate: uint8[H,W,3] BGR, seen from the front.
        strength: 0 gives a clean, tight crop; 1 the full range of distortions (larger values are allowed).
        boxed: cut upright and with room around it, however the plate is turned, as detectors of boxes do.
    """
    corners = _boxed(rng, plate.shape[1] / plate.shape[0], strength) if boxed else _corners(rng, strength)
    scene = _scene(rng, plate, corners)
    light = _light(rng, scene, strength)
    crop = _sense(rng, light, strength)
    return crop


_SQUARE = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
"""Corners around their middle, clockwise from the top left."""


def _corners(rng: Generator, strength: float) -> Floats:
    """Where the plate's corners fall in a unit crop: clockwise from top left, (x, y)."""
    close = rng.random() < 0.5
    if close:
        # A detector that follows the plate closely, like rectified cameras at gates give.
        tilt, shear, margin, keystone, inset = 0.012, 0.05, 0.035, 0.02, -0.008
    else:
        tilt, shear, margin, keystone, inset = 0.085, 0.24, 0.05, 0.07, 0.008
    tilt, shear, keystone = (rng.normal(0, s * strength) for s in (tilt, shear, keystone))
    # Shear moves x by y, tilt moves y by x, both in pixels of the crop.
    aspect = WIDTH / HEIGHT
    # Plain numbers: for so few NumPy's calls take much longer than its sums.
    x = _within([u + shear * v / aspect * 1.6 for u, v in _SQUARE])
    y = _within([v * (1 + 2 * keystone * u) + tilt * u * aspect for u, v in _SQUARE])
    # The detector's box is the hull of the plate; tight boxes of real detectors vary by a few per cent.
    slack = rng.normal(inset, margin * 0.6, 4) * min(strength, 1.5)
    deepest = [-0.065, -0.09, -0.065, -0.09]
    habit = rng.random()
    if habit < 0.4:
        # Boxes learnt from characters leave no margin and cut into the outer ones, at gates deeply.
        amount = min(strength, 1.5)
        if rng.random() < 0.5:
            slack[[0, 2]] = rng.normal(-0.035, 0.02 * amount, 2)
        else:
            slack = rng.normal([-0.055, -0.065, -0.05, -0.065], np.array([0.025, 0.02, 0.02, 0.02]) * amount)
            deepest = [-0.095, -0.09, -0.075, -0.09]
    elif habit < 0.5 and strength > 0.5:
        # Boxes of coarse detectors leave a lot of car on one side and hardly any on another. Up to half the
        # strength, which stands for a well-kept gate, there are none.
        slack = rng.uniform(0, [0.18, 0.12, 0.18, 0.12]) * min(strength, 1.5)
    elif close and habit < 0.9:
        # Cut out by its corners: as much on both sides, from a little less than the plate to a tenth of its
        # height more, and as many millimetres across or as large a share.
        down = rng.uniform(*MARGINS)
        across = down * (140 / 440 if rng.random() < 0.5 else 1.0)
        slack = np.array([across, down, across, down]) / (1 + 2 * np.array([across, down, across, down]))
        slack = (slack + rng.normal(0, 0.006, 4) * min(strength, 1.0)) * [1, 0.5, 1, 0.5]
    left, top, right, bottom = (
        min(max(value, least), 0.2) for value, least in zip(slack.tolist(), deepest, strict=True)
    )
    across, down = rng.normal(0, 0.006 * strength, (2, 4)).tolist()
    return np.array(
        [
            (left + u * (1 - left - right) + du, 2 * top + v * (1 - 2 * top - 2 * bottom) + 2 * dv)
            for u, v, du, dv in zip(x, y, across, down, strict=True)
        ],
        np.float32,
    )


def _within(places: list[float]) -> list[float]:
    """*places* moved and scaled so that they reach from 0 to 1."""
    least, most = min(places), max(places)
    return [(place - least) / (most - least) for place in places]


def _boxed(rng: Generator, aspect: float, strength: float) -> Floats:
    """Corners in an upright box around a plate that is turned and seen from the side, as `_corners`.

    Args:
        aspect: width over height of the plate.
    """
    few = min(strength, 1.0)
    points = np.array([[-aspect, -1], [aspect, -1], [aspect, 1], [-aspect, 1]]) / 2
    points[:, 1] *= 1 + rng.normal(0, 0.06 * few) * points[:, 0]
    points[:, 0] *= 1 - few * FORESHORTENED * rng.random() ** 2
    points[:, 0] += rng.normal(0, 0.14 * few) * points[:, 1]
    angle = np.radians(np.clip(rng.normal(0, TURNED * few), -20, 20))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = points @ turn
    points = (points - points.min(0)) / (points.max(0) - points.min(0))
    slack = rng.uniform(-0.02, [ROOM[0], ROOM[1], ROOM[0], ROOM[1]]) * rng.random() ** 0.5
    return _in_box(points, slack).astype(np.float32)


def _scene(rng: Generator, plate: Image, corners: Floats) -> Floats:
    """The plate in its surroundings, float32[48,188,3] in 0–255.

    Args:
        corners: float32[4,2], of the plate in the crop, whose sides are 1.
    """
    height, width = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
    h, w = plate.shape[:2]
    points = [(x * width, y * height) for x, y in corners.tolist()]
    transform = np.array(quadrilateral(points, 0, 0, w, h)).reshape(3, 3)
    scene = _surroundings(rng, height, width)
    cv2.warpPerspective(
        plate,
        transform,
        (width, height),
        dst=scene,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    return scene.astype(np.float32)


def _surroundings(rng: Generator, height: int, width: int) -> Image:
    """Car body around the plate: a few flat or ramped bands with soft borders."""
    shade = between(rng, 0, 230)
    body = [min(max(shade + v, 0.0), 255.0) for v in rng.normal(0, 12, 3).tolist()]
    bands = np.clip(body + rng.normal(0, 45, (4, 3, 1)) + rng.normal(0, 6, (4, 3, 3)), 0, 255)
    # Smoothly to a quarter of the size, then linearly.
    down, across = _smooth(height // 4, width // 4)
    few = np.clip(down @ bands.reshape(4, 9) @ across, 0, 255).astype(np.uint8)
    few = few.reshape(height // 4, width // 4, 3)
    return np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


@cache
def _smooth(height: int, width: int) -> tuple[Floats, Floats]:
    """What spreads 4 × 3 colours smoothly over a picture: float32[height,4], float32[9,3 · width].

    OpenCV's cubic interpolation of so few pixels takes several times as long.
    """
    down = cv2.resize(np.eye(4, dtype=np.float32), (4, height), interpolation=cv2.INTER_CUBIC)
    across = cv2.resize(np.eye(3, dtype=np.float32), (width, 3), interpolation=cv2.INTER_CUBIC)
    return np.asarray(down, np.float32), np.kron(across, np.eye(3, dtype=np.float32))


def _light(rng: Generator, scene: Floats, strength: float) -> Floats:
    """Shadows, glare, dirt, exposure, colour cast: float32[48,188,3] in 0–255."""
    height, width = scene.shape[:2]
    p = min(strength, 1.0)
    if rng.random() < 0.5 * p:
        # Uneven light: a coarse random field, stretched over the plate.
        field = np.exp(rng.normal(0, 0.22, (2, 4))).astype(np.float32)
        rows = flat(scene)
        rows *= per_channel(
            np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        )
    if rng.random() < 0.15 * p:
        rows = flat(scene)
        rows *= per_channel(_shadow(rng, height, width))
    if rng.random() < 0.07 * p:
        spot = cv2.GaussianBlur(
            _spot(rng, height, width), (0, 0), between(rng, 3, 14), borderType=cv2.BORDER_REPLICATE
        )
        rows = flat(scene)
        rows += per_channel(np.float32(between(rng, 60, 255)) * spot)
    if rng.random() < 0.25 * p:
        cells = rng.random((12, 47)).astype(np.float32)
        dirt = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
        dirt = np.clip((dirt - between(rng, 0.55, 0.9)) * 4, 0, 1) * between(rng, 0.2, 0.8)
        mud = np.clip(between(rng, 40, 180) + rng.normal(0, 12, 3), 0, 255).astype(np.float32)
        rows = flat(scene)
        rows += (in_row(mud, width) - rows) * per_channel(dirt.astype(np.float32))
    return _expose(rng, scene, p)


def _shadow(rng: Generator, height: int, width: int) -> Floats:
    """Multiplier of a shadow with one straight edge."""
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle, offset, soft = between(rng, 0, 2 * np.pi), between(rng, -0.7, 0.7), between(rng, 0.02, 0.3)
    depth = between(rng, 0.2, 0.65)
    beyond = np.minimum(x * (-math.cos(angle) / soft) + (y * -math.sin(angle) + offset) / soft, 80)
    return np.asarray(1 - depth / (1 + np.exp(beyond)), np.float32)


def _spot(rng: Generator, height: int, width: int) -> Floats:
    spot = np.zeros((height, width), np.float32)
    center = (int(rng.integers(width)), int(rng.integers(height)))
    cv2.ellipse(spot, center, (int(rng.integers(3, 30)), int(rng.integers(2, 16))), 0, 0, 360, 1.0, -1)
    return spot


def _expose(rng: Generator, scene: Floats, p: float) -> Floats:
    """Light, dyes and sensor: all that mixes and scales channels in one product, then gamma."""
    # seen = linear · pixel + offset
    linear, offset = _SAME, _NOTHING
    kind = rng.random()
    if kind < 0.07 * p:
        # Infrared illumination: one channel, and the dyes of the plate reflect alike.
        linear = np.repeat(rng.dirichlet([1.5, 1.5, 1.5])[None], 3, 0) * between(rng, 0.6, 1.3)
        offset = _NOTHING + between(rng, 0, 40)
    elif kind < 0.5 * p:
        # Haze, backlight or a poor sensor: little contrast around some level.
        contrast = between(rng, 0.22, 0.8)
        level = between(rng, 45, 130)
        saturation = between(rng, 0.2, 0.9)
        # Towards grey by the saturation, then towards 115 by the contrast.
        linear = _SAME * (contrast * saturation) + contrast * (1 - saturation) / 3
        offset = _NOTHING + (level - 115 * contrast)
    elif kind < 0.63 * p:
        # Dark: the end of the sensor's range, often under coloured lamps.
        linear = _SAME * between(rng, 0.22, 0.7)
    elif kind < 0.75 * p:
        linear = _SAME * between(rng, 1.2, 1.9)
    cast = np.exp(rng.normal(0, 0.16 * p, 3)) / 255
    if rng.random() < 0.12 * p:
        # Mixed colour channels: phone cameras under street lamps turn blue plates green or violet.
        mixed = (_SAME + rng.normal(0, 0.16, (3, 3))).T
        linear, offset = mixed @ linear, mixed @ offset
    product = np.empty((3, 4), np.float32)
    product[:, :3] = linear * cast[:, None]
    product[:, 3] = offset * cast + rng.normal(0, 10 * p) / 255
    rows = flat(np.asarray(cv2.transform(scene, product), np.float32))
    gamma = np.float32(np.exp(rng.normal(0, 0.22 * p)))
    # 255 · rows ** gamma by logarithms, which NumPy computes in two thirds of the time of its power.
    np.clip(rows, _DARKEST, 1, out=rows)
    np.log(rows, out=rows)
    rows *= gamma
    rows += _LOG_255
    return np.asarray(np.exp(rows, out=rows), np.float32).reshape(scene.shape)


def _sense(rng: Generator, light: Floats, strength: float) -> Image:
    """Optics, sensor resolution, noise, codec and the crop's final size."""
    p = min(strength, 1.0)
    if rng.random() < 0.5 * p:
        blur = rng.exponential(0.32) * OVERSAMPLING * strength
        if blur > 0.3:
            light = cv2.GaussianBlur(light, (0, 0), min(blur, 3.6), borderType=cv2.BORDER_REPLICATE)
    if rng.random() < 0.15 * p:
        light = cv2.filter2D(light, -1, _motion(rng, strength), borderType=cv2.BORDER_REPLICATE)
    native = WIDTH
    if rng.random() < 0.6:
        native = round(math.exp(between(rng, math.log(WIDTH - 26 * p), math.log(2 * WIDTH))))
    size = (native, max(round(native * HEIGHT / WIDTH), 10))
    # Sensors average, image pipelines that scale frames down often do not.
    method = cv2.INTER_AREA if rng.random() < 0.5 else cv2.INTER_LINEAR
    crop = cv2.resize(light, size, interpolation=method)
    if rng.random() < 0.7 * p:
        sigma = np.float32(rng.exponential(2.5))
        crop = crop + sigma * _noise(rng, crop.size).reshape(crop.shape)
    if rng.random() < 0.4 * p:
        # In-camera sharpening.
        soft = cv2.GaussianBlur(crop, (0, 0), 1.0)
        crop = crop + np.float32(between(rng, 0.3, 1.5)) * (crop - soft)
    image = np.clip(crop, 0, 255).astype(np.uint8)
    if rng.random() < 0.75 * p:
        quality = int(100 - min(rng.exponential(22), 82))
        _, code = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        image = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if size != (WIDTH, HEIGHT):
        method = cv2.INTER_LINEAR if native < WIDTH or rng.random() < 0.7 else cv2.INTER_AREA
        image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=method)
    return np.asarray(image, np.uint8)


@cache
def _grain() -> Floats:
    """Normal noise to take pieces of: drawing it takes as long as all else that a sensor does."""
    return np.random.default_rng(0).standard_normal(GRAIN, np.float32)


def _noise(rng: Generator, count: int) -> Floats:
    """*count* normal numbers, float32[count]: a piece of `_grain` from anywhere on."""
    start = int(rng.integers(GRAIN - count))
    return _grain()[start : start + count]


def _motion(rng: Generator, strength: float) -> Floats:
    """Kernel of a straight camera movement."""
    length = 1 + rng.exponential(2.2) * strength
    size = min(int(length) | 1, 11) + 2
    kernel = np.zeros((size, size), np.float32)
    angle = rng.normal(0, 0.35) if rng.random() < 0.6 else between(rng, 0, np.pi)
    half = min(length, size - 2) / 2
    c = (size - 1) / 2
    ends = [
        (round((c + s * half * np.cos(angle)) * 16), round((c + s * half * np.sin(angle)) * 16))
        for s in (-1, 1)
    ]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / max(kernel.sum(), 1e-3), np.float32)


def rephotograph(rng: Generator, crop: Image, strength: float = 1.0) -> Image:
    """A real crop, uint8[H,W,3] BGR, as another camera and detector might have given it: uint8[24,94,3].

    The crop is shifted, scaled, turned and sheared a little, sometimes cut tighter or set into more of a car,
    then lit, blurred and coded anew, all weaker than for rendered plates, since the crop has been through a
    camera once.
    """
    height, width = HEIGHT * OVERSAMPLING, WIDTH * OVERSAMPLING
    h, w = crop.shape[:2]
    jitter = rng.normal(0, 0.02 * strength, (4, 2)) * np.array([1.0, 1.6])
    shift = rng.normal(0, 0.018 * strength, 2)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + jitter + shift
    corners[:, 0] += (corners[:, 1] - 0.5) * rng.normal(0, 0.035 * strength)
    corners[:, 1] += (corners[:, 0] - 0.5) * rng.normal(0, 0.12 * strength)
    scene, border = np.zeros((height, width, 3), np.uint8), cv2.BORDER_REPLICATE
    habit = rng.random()
    if habit < 0.3:
        corners = _in_box(corners, rng.uniform([-0.05, -0.1, -0.05, -0.1], 0) * min(strength, 1.0))
    elif habit < 0.45 and strength > 0:
        corners = _in_box(corners, rng.uniform(0, [0.16, 0.2, 0.16, 0.2]) * min(strength, 1.0))
        scene, border = _surroundings(rng, height, width), cv2.BORDER_TRANSPARENT
    target = (corners * np.array([width, height])).astype(np.float32)
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    transform = cv2.getPerspectiveTransform(source, target)
    cv2.warpPerspective(
        crop, transform, (width, height), dst=scene, flags=cv2.INTER_LINEAR, borderMode=border
    )
    light = scene.astype(np.float32)
    if rng.random() < 0.3:
        return _sense(rng, light, 0.5 * strength)
    return _sense(rng, _light(rng, light, 0.6 * strength), 0.6 * strength)


def _in_box(points: NDArray[np.float64], slack: NDArray[np.float64]) -> NDArray[np.float64]:
    """*points* of a unit crop in a box that leaves *slack* (left, top, right, bottom); negative cuts in."""
    return np.asarray(slack[:2] + points * (1 - slack[:2] - slack[2:]))
