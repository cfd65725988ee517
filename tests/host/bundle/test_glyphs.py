from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.sinks.glyphs import BUNDLE_SHEET, CELL, built_in, missing, of_bundle
from host.bundle.glyphs import glyph_sheet
from lprnet.network.alphabet import PUBLIC

ALPHABETS = {
    "Latin": "ÄÅÆÇÈÉÖØÜÑĂĐĞİŁŃŐŘŠŞŢȘȚŰŽ",
    "Cyrillic": "БГДЁЖЗИЙЛПУФЦЧШЩЪЫЬЭЮЯЇІЄЎҚӘ",
    "Greek": "ΓΔΘΛΞΠΣΦΨΩ",
    "Hangul": "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배하허호서울경기인천",
    "Chinese": "豪賓臨軍海空成济沈兰",
}


def test_an_alphabet_that_the_device_has_needs_no_sheet() -> None:
    assert glyph_sheet(PUBLIC.characters) is None


@pytest.mark.parametrize("name", ALPHABETS)
def test_every_character_is_drawn_as_itself(name: str, tmp_path: Path) -> None:
    alphabet = (*"0123456789ABC", *dict.fromkeys(ALPHABETS[name]), "-")
    sheet = glyph_sheet(alphabet)
    assert sheet is not None and sheet == glyph_sheet(alphabet)
    (tmp_path / BUNDLE_SHEET).write_bytes(sheet)
    glyphs = of_bundle(tmp_path, alphabet)
    drawn = {glyphs.coverage(character, CELL).tobytes() for character in alphabet}
    assert len(drawn) == len(alphabet), "each looks different, and none like a question mark"
    assert built_in().coverage("?", CELL).tobytes() not in drawn
    for character in missing(alphabet):
        ink = cv2.boundingRect((glyphs.cells[character] > 60).astype(np.uint8))
        assert 15 <= ink[3] <= CELL and 4 <= ink[2] <= CELL, character


def test_letters_stand_on_the_line_of_the_devices_own() -> None:
    def bottom(cell: np.ndarray) -> int:
        _, y, _, height = cv2.boundingRect((cell > 120).astype(np.uint8))
        return y + height

    sheet = glyph_sheet(("Ä", "Б"))
    assert sheet is not None
    cells = cv2.imdecode(np.frombuffer(sheet, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert cells is not None
    for index in range(2):
        assert abs(bottom(cells[:, index * CELL : (index + 1) * CELL]) - bottom(built_in().cells["A"])) <= 1
