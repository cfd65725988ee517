"""Glyphs for a bundle's alphabet, so that pictures on the board show its plates."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from device_runtime.sinks.glyphs import CELL, LAST_LETTER, Mask, missing, sheet_of

LETTERS, IDEOGRAPHS = "sans", "uni"
"""OpenCV 5's own fonts: Rubik (SIL OFL 1.1) and, for what that lacks or what fills a square, WenQuanYi Micro
Hei (Apache 2.0)."""
_BOLD = 600
_DRAWN = 4
"""Drawn this much larger and shrunk, for smooth edges."""
_BASELINE, _CAPITAL, _SQUARE = 34, 22, 28
"""px: where letters stand, their height, and that of what fills a square, as in the device's own sheet."""


def glyph_sheet(alphabet: Iterable[str]) -> bytes | None:
    """The file `glyphs.BUNDLE_SHEET` for *alphabet*; None where the device has all of it."""
    characters = missing(alphabet)
    if not characters:
        return None
    encoded, data = cv2.imencode(".png", sheet_of([_cell(c) for c in characters]))
    assert encoded
    return data.tobytes()


def _cell(character: str) -> Mask:
    side = CELL * _DRAWN
    if ord(character) > LAST_LETTER:
        ink = _ink(character, IDEOGRAPHS, side, 0)[0]
        # The font has one weight, a light one.
        ink = cv2.dilate(cv2.copyMakeBorder(ink, 8, 8, 8, 8, cv2.BORDER_CONSTANT), np.ones((9, 9), np.uint8))
        size, bottom = _SQUARE * _DRAWN / max(ink.shape), None
    else:
        ink, below = _ink(character, LETTERS, side, _BOLD)
        size = _CAPITAL * _DRAWN / _ink("H", LETTERS, side, _BOLD)[0].shape[0]
        size, bottom = min(size, side / max(ink.shape)), round(_BASELINE * _DRAWN + below * size)
    ink = cv2.resize(ink, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    height, width = ink.shape
    # In the middle where it has no line to stand on.
    y = (side - height) // 2 + 3 * _DRAWN if bottom is None else bottom - height
    y, x = min(max(y, 0), side - height), (side - width) // 2
    cell = np.zeros((side, side), np.uint8)
    cell[y : y + height, x : x + width] = ink
    return cv2.resize(cell, (CELL, CELL), interpolation=cv2.INTER_AREA)


def _ink(character: str, face: str, size: int, weight: int) -> tuple[Mask, int]:
    """*character* without the empty space around it, and how far it reaches below the line, px."""
    canvas = np.zeros((3 * size, 3 * size, 1), np.uint8)
    cv2.putText(canvas, character, (size, 2 * size), (255,), cv2.FontFace(face), size, weight)
    left, top, width, height = cv2.boundingRect(canvas[:, :, 0])
    if not width:
        return np.zeros((1, 1), np.uint8), 0
    return canvas[top : top + height, left : left + width, 0], top + height - 2 * size
