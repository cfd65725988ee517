"""Characters as bitmaps, so that a board needs no font and any OpenCV draws them alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from device_runtime.sources.image import Image

CHARACTERS = (
    "京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新使领警学挂港澳试超"
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ%.-·?"
)
"""What `SHEET` has a glyph for, in its order."""
CELL, COLUMNS = 40, 16
"""A sheet's cells: pixels square, and how many in a row."""
SHEET = Path(__file__).with_name("glyphs.png")
"""White on black, from Noto Sans CJK SC Bold, SIL Open Font License 1.1."""
BUNDLE_SHEET = "glyphs.png"
"""In a bundle: what its alphabet has beyond `CHARACTERS`, in the order of `missing`; no file if nothing."""

LAST_LETTER = 0x2FFF
"""Code points beyond are of characters that fill a square, letters are narrower."""

Mask = NDArray[np.uint8]
"""Coverage of a cell, uint8[`CELL`,`CELL`]."""


@dataclass(frozen=True, eq=False)
class Glyphs:
    """Characters and their cells.

    Attributes:
        cells: by character; one for "?" is among them.
    """

    cells: Mapping[str, Mask]
    _scaled: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)

    def __contains__(self, character: str) -> bool:
        return character in self.cells

    def coverage(self, character: str, height: int) -> NDArray[np.float32]:
        """Of a character, 0 to 1, float32[*height*,*height*]; of a question mark where it is not known."""
        key = character if character in self.cells else "?", height
        known = self._scaled.get(key)
        if known is None:
            method = cv2.INTER_AREA if height < CELL else cv2.INTER_LINEAR
            scaled = cv2.resize(self.cells[key[0]], (height, height), interpolation=method)
            known = self._scaled[key] = scaled.astype(np.float32) / 255
        return known


@lru_cache(maxsize=1)
def built_in() -> Glyphs:
    """Those of `SHEET`."""
    return Glyphs(_cells(SHEET, CHARACTERS))


def of_bundle(bundle: Path, alphabet: Sequence[str]) -> Glyphs:
    """Those of `SHEET` and of the sheet in the folder *bundle*, if it has a readable one."""
    return Glyphs({**built_in().cells, **_cells(bundle / BUNDLE_SHEET, missing(alphabet))})


def missing(alphabet: Iterable[str]) -> list[str]:
    """Single characters of *alphabet* that `SHEET` has no glyph for, in its order."""
    return [c for c in alphabet if len(c) == 1 and c not in CHARACTERS]


def sheet_of(cells: Sequence[Mask]) -> Image:
    """*cells* in rows of `COLUMNS`, as a sheet holds them: uint8[H,W]."""
    rows = -(-len(cells) // COLUMNS)
    sheet = np.zeros((rows * CELL, COLUMNS * CELL), np.uint8)
    for index, cell in enumerate(cells):
        row, column = divmod(index, COLUMNS)
        sheet[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = cell
    return sheet


def _cells(path: Path, characters: Sequence[str]) -> dict[str, Mask]:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return {}
    sheet = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if sheet is None:
        return {}
    cells = {}
    for index, character in enumerate(characters):
        row, column = divmod(index, COLUMNS)
        cell = sheet[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        if cell.shape == (CELL, CELL):
            cells[character] = cell
    return cells
