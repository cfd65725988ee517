"""Drawn backgrounds: streets, walls and gardens of a few shapes, and cars around plates."""

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


def draw_car(rng: Generator, image: Image, center: Floats, width: float) -> None:
    """The front or rear of a car around a plate *width* pixels wide at *center* (x, y), in place.

    A body of one colour with a window above, bands and a recess around the plate, a lamp on either side, and
    perhaps a badge; where the plate is, the body stays plain.
    """
    x, y = float(center[0]), float(center[1])

    def box(left: float, top: float, right: float, bottom: float, color: tuple[float, float, float]) -> None:
        """A filled rectangle, in plate widths from the plate's centre."""
        start = (round(x + left * width), round(y + top * width))
        cv2.rectangle(image, start, (round(x + right * width), round(y + bottom * width)), color, -1)

    body = np.clip(
        rng.choice([20, 60, 110, 170, 225]) + rng.normal(0, 18) + rng.normal(0, 30, 3) * rng.random(), 0, 255
    )

    def shade(factor: float) -> tuple[float, float, float]:
        b, g, r = np.clip(body * factor, 0, 255)
        return float(b), float(g), float(r)

    half = rng.uniform(1.4, 2.0)
    above, below = rng.uniform(0.5, 1.6), rng.uniform(0.25, 0.9)
    if rng.random() < 0.6:
        glass = rng.uniform(0, 140)
        box(-half * 0.85, -above - 0.9, half * 0.85, -above, (glass * 1.1, glass, glass * 0.95))
    box(-half, -above, half, below, shade(1))
    for _ in range(int(rng.integers(0, 5))):
        top = rng.uniform(-above, below)
        box(-half, top, half, top + rng.uniform(0.02, 0.3), shade(rng.uniform(0.5, 1.3)))
    dark = rng.uniform(0, 70)
    box(-half, below, half, below + rng.uniform(0.05, 0.25), (dark, dark, dark))
    if rng.random() < 0.5:
        box(
            -rng.uniform(0.55, 0.9),
            -rng.uniform(0.2, 0.35),
            rng.uniform(0.55, 0.9),
            rng.uniform(0.18, 0.3),
            shade(rng.uniform(0.4, 1.2)),
        )
    if rng.random() < 0.75:
        lamp = ((30, 25, 170), (230, 230, 230), (200, 215, 225), (50, 40, 90))[int(rng.integers(4))]
        top, tall, wide = rng.uniform(-above, below - 0.2), rng.uniform(0.15, 0.5), rng.uniform(0.25, 0.7)
        glow = rng.uniform(0.6, 1.1)
        color = (min(lamp[0] * glow, 255.0), min(lamp[1] * glow, 255.0), min(lamp[2] * glow, 255.0))
        box(-half, top, -half + wide, top + tall, color)
        box(half - wide, top, half, top + tall, color)
    if rng.random() < 0.5:
        spot = (round(x), round(y - rng.uniform(0.35, above) * width))
        radius = max(round(width * rng.uniform(0.05, 0.13)), 1)
        cv2.ellipse(
            image,
            spot,
            (radius, max(round(radius * rng.uniform(0.5, 1)), 1)),
            0,
            0,
            360,
            _color(rng, 8),
            -1,
            cv2.LINE_AA,
        )
