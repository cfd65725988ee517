"""Contact sheets: many crops in one picture, to look at them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lprnet.evaluation.evaluate import Outcome
from lprnet.network.model import HEIGHT, WIDTH
from lprnet.plates.glyphs import glyph, has_glyph
from lprnet.plates.pixels import Image


def png(image: Image) -> bytes:
    """*image* as a PNG file."""
    return cv2.imencode(".png", image)[1].tobytes()


def tile(images: Sequence[Image], columns: int = 8, zoom: int = 2) -> Image:
    """*images* (uint8[h,w,3] BGR, any size) in rows of *columns*, each *zoom* times 94×24."""
    size = (WIDTH * zoom, HEIGHT * zoom)
    cells = [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8) for image in images]
    blank = np.full((size[1], size[0], 3), 255, np.uint8)
    cells += [blank] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])


def beside(upper: Image, lower: Image) -> Image:
    """Two sheets, one under the other with a white bar between, left-aligned."""
    width = max(upper.shape[1], lower.shape[1])
    bar = np.full((12, width, 3), 255, np.uint8)
    parts = [
        np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in (upper, lower)
    ]
    return np.vstack([parts[0], bar, parts[1]])


def worst(outcomes: Sequence[Outcome], count: int) -> Image:
    """The *count* misread plates read with most confidence, and what was read, as a sheet."""
    wrong = sorted((o for o in outcomes if not o.right), key=lambda o: -o.read.confidence)[:count]
    return captioned([(o.image, f"{o.text} > {o.read.text} {o.read.confidence:.2f}") for o in wrong])


def captioned(images: Sequence[tuple[Image, str]], columns: int = 6) -> Image:
    """Crops 3 times 94×24, each over its caption."""
    cells = []
    for image, caption in images:
        cell = np.full((HEIGHT * 3 + 20, WIDTH * 3, 3), 255, np.uint8)
        cell[: HEIGHT * 3] = cv2.resize(image, (WIDTH * 3, HEIGHT * 3), interpolation=cv2.INTER_CUBIC)
        x = 4
        for character in caption:
            width = 13 if ord(character) > 0x3000 else 9
            if has_glyph(character):
                mask = glyph(character, 0, width - 1, 15)
                cell[-17:-2, x : x + width - 1] = 255 - mask[:, :, None]
            elif character != " ":
                cv2.putText(cell, character, (x, HEIGHT * 3 + 15), cv2.FONT_HERSHEY_PLAIN, 0.9, (0, 0, 0), 1)
            x += width
        cells.append(cell)
    if not cells:
        return np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])
