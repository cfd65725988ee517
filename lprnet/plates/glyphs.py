"""Character masks from `glyphs.npz` (made by scripts/make_glyphs.py), resized once per size."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from lprnet.plates.pixels import Image

LATIN_STYLES = 6
"""Four pens of the standard's strokes, thin to heavy, then two text fonts."""
CHINESE_STYLES = 5
"""Noto Sans bold and regular, Micro Hei, Noto Sans medium and extra heavy."""


@cache
def _table() -> dict[str, Image]:
    with np.load(Path(__file__).with_name("glyphs.npz")) as file:
        return {
            str(c): file[f"{kind}"][:, i]
            for kind in ("latin", "chinese")
            for i, c in enumerate(file[f"{kind}_characters"])
        }


def is_chinese(character: str) -> bool:
    """Whether *character* is none of the Latin letters, digits and marks."""
    return ord(character) > 0x3000


@lru_cache(maxsize=16384)
def glyph(character: str, style: int, width: int, height: int) -> Image:
    """Coverage uint8[height,width] of *character*.

    Raises:
        KeyError: no glyph for *character*.
    """
    mask = cv2.resize(_table()[character][style], (width, height), interpolation=cv2.INTER_AREA)
    result: Image = np.asarray(mask, np.uint8)
    result.setflags(write=False)
    return result


def has_glyph(character: str) -> bool:
    """Whether `glyph` can draw *character*."""
    return character in _table()
