"""Drawn backgrounds: streets, walls and gardens of a few shapes."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.scenes.scene import Floats, Image

_NOISE = 512
"""px, side of the noise that textures are cut from."""


@cache
def noise(octave: int) -> Floats:
    """Noise float32[`_NOISE`,`_NOISE`,3] of mean 0 and deviation 1, in grains of 2 ** *octave* pixels."""
    rng = np.random.default_rng((octave, 77))
    cells = rng.standard_normal((_NOISE >> octave, _NOISE >> octave, 3)).astype(np.float32)
    grown = np.asarray(cv2.resize(cells, (_NOISE, _NOISE), interpolation=cv2.INTER_CUBIC), np.float32)
    grown /= grown.std()
    grown.setflags(write=False)
    return grown


def texture(rng: Generator, height: int, width: int, octave: int) -> Floats:
    """A random part of `noise`, float32[height,width,3], turned over at random."""
    rows, columns = min(height, _NOISE), min(width, _NOISE)
    y, x = int(rng.integers(_NOISE - rows + 1)), int(rng.integers(_NOISE - columns + 1))
    part = noise(octave)[y : y + rows, x : x + columns]
    if (rows, columns) != (height, width):
        part = np.asarray(cv2.resize(part, (width, height)), np.float32)
    return part[:: 1 if rng.random() < 0.5 else -1, :: 1 if rng.random() < 0.5 else -1]


def _color(rng: Generator, saturation: float = 25.0) -> tuple[float, float, float]:
    b, g, r = np.clip(rng.uniform(10, 245) + rng.normal(0, saturation, 3), 0, 255)
    return float(b), float(g), float(r)


def draw_backdrop(rng: Generator, height: int, width: int) -> Image:
    """A background without plates, uint8[height,width,3] BGR."""
    cells = (int(rng.integers(2, 7)), int(rng.integers(1, 6)))
    field = np.clip(rng.uniform(20, 235, (*cells, 1)) + rng.normal(0, 18, (*cells, 3)), 0, 255)
    image = np.asarray(
        cv2.resize(field.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8
    ).copy()
    for _ in range(int(rng.integers(0, 14))):
        _shape(rng, image)
    if rng.random() < 0.35:
        _wall(rng, image)
    strength = rng.exponential(6)
    octave = int(rng.integers(0, 5))
    if strength > 2:
        grain = texture(rng, height, width, octave)
        if rng.random() < 0.6:
            grain = grain[:, :, :1]
        image[:] = np.clip(image + np.float32(min(strength, 30)) * grain, 0, 255)
    return image


def _shape(rng: Generator, image: Image) -> None:
    """One rectangle, polygon, ellipse or bundle of lines anywhere, in place."""
    height, width = image.shape[:2]
    x, y = (int(v) for v in rng.integers(0, [width, height]))
    reach = np.exp(rng.uniform(np.log(0.05), np.log(0.8))) * width
    color = _color(rng)
    match int(rng.integers(4)):
        case 0:
            corner = (round(x + reach * rng.uniform(0.2, 1)), round(y + reach * rng.uniform(0.1, 0.8)))
            cv2.rectangle(
                image, (x, y), corner, color, -1 if rng.random() < 0.75 else int(rng.integers(1, 6))
            )
        case 1:
            points = np.array([x, y]) + rng.normal(0, reach / 2, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(image, [points.astype(np.int32)], color, cv2.LINE_AA)
        case 2:
            axes = (max(round(reach / 3), 1), max(round(reach * rng.uniform(0.08, 0.33)), 1))
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(
                image, (x, y), axes, angle, 0, 360, color, -1 if rng.random() < 0.6 else 2, cv2.LINE_AA
            )
        case _:
            step, along = rng.normal(0, reach / 4, 2), rng.normal(0, reach, 2)
            for i in range(int(rng.integers(1, 7))):
                start, end = np.array([x, y]) + i * step, np.array([x, y]) + i * step + along
                ends = [tuple(int(v) for v in p) for p in (start, end)]
                cv2.line(image, ends[0], ends[1], color, int(rng.integers(1, 5)), cv2.LINE_AA)


def _wall(rng: Generator, image: Image) -> None:
    """Bricks, tiles or windows on a grid over a part of the picture, in place."""
    height, width = image.shape[:2]
    left, top = (int(v) for v in rng.integers(0, [width // 2, height // 2]))
    across, down = rng.uniform(6, 60), rng.uniform(4, 40)
    color, thickness, shifted = _color(rng), int(rng.integers(1, 3)), rng.random() < 0.5
    for row, y in enumerate(np.arange(top, top + rng.uniform(0.3, 1) * height, down)):
        cv2.line(image, (left, int(y)), (width, int(y)), color, thickness)
        for x in np.arange(left + (across / 2 if shifted and row % 2 else 0), width, across):
            cv2.line(image, (int(x), int(y)), (int(x), int(y + down)), color, thickness)
