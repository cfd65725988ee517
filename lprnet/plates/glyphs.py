"""Character masks from `glyphs.npz` (made by scripts/make_glyphs.py), resized once per size.

Styles of Latin letters and digits with squarer bends are not in that file, but drawn when they are asked for.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np

from lprnet.plates.pixels import Image
from lprnet.plates.strokes import draw

LATIN_STYLES = 6
"""Four pens of the standard's strokes, thin to heavy, then two text fonts."""
SQUARER = ((7.5, 2.6), (9.0, 2.6), (7.5, 3.4), (9.0, 3.4), (10.5, 3.0))
"""Pens in mm and exponents of the bends (`strokes`) of the Latin styles from number `LATIN_STYLES` on."""
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

    Args:
        character: to draw.
        style: less than `CHINESE_STYLES` of a Chinese character, else than `LATIN_STYLES`, and beyond these a
            place in `SQUARER`.
        width: of the mask, px.
        height: of the mask, px.

    Raises:
        KeyError: no glyph for *character*.
    """
    if not is_chinese(character) and style >= LATIN_STYLES:
        drawn = draw(character, *SQUARER[style - LATIN_STYLES])
    else:
        drawn = _table()[character][style]
    mask = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    result: Image = np.asarray(mask, np.uint8)
    result.setflags(write=False)
    return result


def has_glyph(character: str) -> bool:
    """Whether `glyph` can draw *character*."""
    return character in _table()
