"""What light and a camera make of a scene: shade, glare, exposure, optics, sensor, codec."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.scenes.backdrop import texture
from lprnet.scenes.scene import Floats, Image


def light_plate(rng: Generator, face: Image) -> Image:
    """A plate uint8[h,w,3] in its own light: brighter or paler than its surroundings, shaded, dirty, worn."""
    gain = np.exp(rng.normal(-0.15, 0.3))
    contrast = rng.uniform(0.3, 1) if rng.random() < 0.4 else 1.0
    mean = float(face.mean())
    lit = face.astype(np.float32)
    lit = (lit - mean) * np.float32(gain * contrast) + np.float32(mean * gain)
    if rng.random() < 0.35:
        cells = np.exp(rng.normal(0, 0.35, (2, int(rng.integers(2, 5))))).astype(np.float32)
        lit *= np.asarray(cv2.resize(cells, face.shape[1::-1]), np.float32)[:, :, None]
    if rng.random() < 0.2:
        _shadow(rng, lit)
    if rng.random() < 0.25:
        grain = texture(rng, face.shape[0], face.shape[1], int(rng.integers(1, 5)))[:, :, :1]
        dirt = np.clip(grain - rng.uniform(0, 1.5), 0, 1) * np.float32(rng.uniform(0.2, 0.8))
        lit += (np.float32(rng.uniform(40, 180)) - lit) * dirt
    if rng.random() < 0.08:
        # Washed out by the sun or by years of it: all its colours near one.
        pale = np.float32(rng.uniform(120, 235))
        lit += (pale - lit) * np.float32(rng.uniform(0.4, 0.8))
    if rng.random() < 0.08:
        # Retroreflective plates at night outshine everything; what is white all over is no plate to anyone.
        lit *= np.float32(min(rng.uniform(1.5, 3), 225 / max(float(lit.mean()), 1)))
    return np.clip(lit, 0, 255).astype(np.uint8)


def bent(rng: Generator, face: Image) -> Image:
    """A plate uint8[h,w,3] that is bowed or dented between its corners, which stay where they are."""
    height, width = face.shape[:2]
    x = np.linspace(0, 1, width, dtype=np.float32)[None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    bow, dent, at = rng.normal(0, 0.035), rng.normal(0, 0.05), rng.uniform(0.2, 0.8)
    shift = np.float32(bow) * 4 * x * (1 - x)
    shift = shift + np.float32(dent) * np.maximum(1 - np.abs(x - np.float32(at)) / np.float32(0.2), 0)
    # The dent is deepest at one edge.
    rows = (y + shift * (y if rng.random() < 0.5 else 1 - y)) * (height - 1)
    columns = np.broadcast_to(x * (width - 1), rows.shape)
    moved = cv2.remap(face, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _shadow(rng: Generator, image: Floats) -> None:
    """A straight-edged shadow over part of float32[H,W,3], in place."""
    height, width = image.shape[:2]
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(np.sin(angle))
    side = np.clip((x[None] + y[:, None] - np.float32(offset)) / np.float32(rng.uniform(0.02, 0.4)), 0, 1)
    image *= (1 - side * np.float32(rng.uniform(0.25, 0.7)))[:, :, None]


def take(rng: Generator, image: Image, strength: float = 1.0) -> Image:
    """*image* uint8[H,W,3] as a camera gives it.

    Args:
        rng: source of every random choice.
        image: the scene, which may be changed.
        strength: of everything that the camera does, 0 to 1.
    """
    height, width = image.shape[:2]
    if rng.random() < 0.25 * strength:
        lit = image.astype(np.float32)
        _shadow(rng, lit)
        image = lit.astype(np.uint8)
    if rng.random() < 0.08 * strength:
        _glare(rng, image)
    if rng.random() < 0.05 * strength:
        _reflection(rng, image)
    if rng.random() < 0.5 * strength:
        image = _blurred(rng, image, strength)
    image = _exposed(rng, image, strength)
    if rng.random() < 0.6 * strength:
        sigma = np.float32(min(rng.exponential(3), 25))
        grain = texture(rng, height, width, 0 if rng.random() < 0.7 else 1)
        if rng.random() < 0.5:
            grain = cv2.merge([np.ascontiguousarray(grain[:, :, 0])] * 3)
        image = np.asarray(cv2.add(image, sigma * grain, dtype=cv2.CV_8U), np.uint8)
    if rng.random() < 0.25 * strength:
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        amount = rng.uniform(0.3, 1.5)
        image = np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)
    code_as = rng.random()
    if code_as < 0.48 * strength:
        quality = int(100 - min(rng.exponential(25), 80) if code_as > 0.05 * strength else rng.uniform(8, 25))
        _, code = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        image = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    return image


def _glare(rng: Generator, image: Image) -> None:
    """One or two lamps that shine into the lens, in place."""
    height, width = image.shape[:2]
    halo = np.zeros((height // 4, width // 4, 3), np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        center = (int(rng.integers(width // 4)), int(rng.integers(height // 4)))
        b, g, r = rng.uniform(120, 255, 3)
        cv2.circle(halo, center, max(int(rng.integers(1, max(width // 40, 2))), 1), (b, g, r), -1)
    halo = np.asarray(cv2.GaussianBlur(halo, (0, 0), rng.uniform(2, max(width / 40, 2.5))), np.uint8)
    halo = np.asarray(cv2.resize(halo, (width, height)), np.uint8)
    cv2.addWeighted(image, 1.0, halo, rng.uniform(0.8, 4), 0, dst=image)


def _reflection(rng: Generator, image: Image) -> None:
    """What a pane of glass before the camera mirrors: soft bright shapes over the picture, in place."""
    height, width = image.shape[:2]
    small = np.zeros((max(height // 8, 2), max(width // 8, 2), 3), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        points = rng.uniform(-0.2, 1.2, (4, 2)) * small.shape[1::-1]
        level = rng.uniform(30, 160) + rng.normal(0, 15, 3)
        cv2.fillPoly(small, [points.astype(np.int32)], tuple(float(v) for v in np.clip(level, 0, 255)))
    sheen = cv2.resize(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 3)), (width, height))
    cv2.addWeighted(
        image, rng.uniform(0.6, 1), np.asarray(sheen, np.uint8), rng.uniform(0.4, 0.9), 0, dst=image
    )


def _blurred(rng: Generator, image: Image, strength: float) -> Image:
    if rng.random() < 0.3:
        length = min(1 + rng.exponential(3) * strength, 13)
        size = int(length) + 3 | 1
        kernel = np.zeros((size, size), np.float32)
        angle = rng.normal(0, 0.3) if rng.random() < 0.6 else rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (length / 2)
        ends = [tuple(round((size // 2 + s * v) * 16) for v in reach) for s in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    sigma = min(rng.exponential(0.6) * strength, 2.2)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8) if sigma > 0.25 else image


def _exposed(rng: Generator, image: Image, strength: float) -> Image:
    """Gain, contrast, colour and gamma, as one table a channel after one matrix."""
    kind = rng.random()
    matrix = np.diag(np.exp(rng.normal(0, 0.08 * strength, 3)))
    if kind < 0.1 * strength:
        # Infrared or a camera without colour.
        matrix = np.tile(rng.dirichlet([2, 2, 2]), (3, 1))
    elif kind < 0.3 * strength:
        grey = rng.uniform(0.2, 0.9)
        matrix = (1 - grey) * matrix + grey / 3
    elif kind < 0.4 * strength:
        matrix = matrix + rng.normal(0, 0.12, (3, 3))
    elif kind < 0.44 * strength:
        matrix = matrix[rng.permutation(3)]
    image = np.asarray(cv2.transform(image, matrix.astype(np.float32)), np.uint8)
    level = np.arange(256, dtype=np.float64) / 255
    gain, contrast = np.exp(rng.normal(0, 0.2 * strength)), 1.0
    if rng.random() < 0.2 * strength:
        contrast = rng.uniform(0.3, 0.8)
    elif rng.random() < 0.15 * strength:
        gain *= rng.uniform(0.25, 0.7)
    curve = np.clip((level - 0.45) * contrast + 0.45 + rng.normal(0, 0.03 * strength), 0, 1) * gain
    if rng.random() < 0.06 * strength:
        # Haze, fog, rain: light between the camera and everything.
        clear = rng.uniform(0.2, 0.7)
        curve = curve * clear + rng.uniform(0.4, 0.95) * (1 - clear)
    elif rng.random() < 0.05 * strength:
        curve = curve * rng.uniform(1.4, 2.5)
    curve = np.clip(curve, 0, 1) ** np.exp(rng.normal(0, 0.25 * strength))
    return np.asarray(cv2.LUT(image, np.clip(255 * curve, 0, 255).astype(np.uint8)), np.uint8)
