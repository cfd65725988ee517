from __future__ import annotations

from pathlib import Path

import numpy as np

from device_runtime.sinks.glyphs import (
    BUNDLE_SHEET,
    CELL,
    CHARACTERS,
    COLUMNS,
    Glyphs,
    built_in,
    missing,
    of_bundle,
    sheet_of,
)
from device_runtime.sinks.pictures import save
from lprnet.network.alphabet import PUBLIC


def test_every_class_of_the_public_alphabet_has_a_glyph_of_its_own() -> None:
    glyphs = set()
    for character in (*PUBLIC.characters, *"警学挂港澳使领"):
        assert character in built_in() and character in CHARACTERS
        coverage = built_in().coverage(character, CELL)
        assert 20 < np.count_nonzero(coverage > 0.5) < CELL * CELL / 2, character
        glyphs.add(coverage.tobytes())
    assert len(glyphs) == len({*PUBLIC.characters, *"警学挂港澳使领"})
    assert missing(PUBLIC.characters) == []


def test_what_is_not_known_is_a_question_mark() -> None:
    assert np.array_equal(built_in().coverage("é", 20), built_in().coverage("?", 20))
    assert built_in().coverage("京", 77).shape == (77, 77)


def test_a_bundle_brings_what_its_alphabet_has_besides(tmp_path: Path) -> None:
    alphabet = ("A", "é", "blank", *map(chr, range(0x410, 0x430)))
    cells = [np.full((CELL, CELL), 5 * i, np.uint8) for i in range(len(missing(alphabet)))]
    sheet = sheet_of(cells)
    assert sheet.shape == (-(-len(cells) // COLUMNS) * CELL, COLUMNS * CELL)
    save(sheet, tmp_path / BUNDLE_SHEET)
    glyphs = of_bundle(tmp_path, alphabet)
    assert glyphs.cells.keys() == {*CHARACTERS, *missing(alphabet)}
    assert missing(alphabet)[0] == "é" and (glyphs.cells["é"] == 0).all()
    assert all((glyphs.cells[c] == 5 * i).all() for i, c in enumerate(missing(alphabet)))


def test_a_sheet_that_is_missing_short_or_none_leaves_question_marks(tmp_path: Path) -> None:
    alphabet = tuple(map(chr, range(0x410, 0x430)))
    question = built_in().coverage("?", CELL)

    def drawn(glyphs: Glyphs) -> list[bool]:
        return [not np.array_equal(glyphs.coverage(c, CELL), question) for c in alphabet]

    assert not any(drawn(of_bundle(tmp_path, alphabet)))
    (tmp_path / BUNDLE_SHEET).write_bytes(b"no picture")
    assert not any(drawn(of_bundle(tmp_path, alphabet)))
    save(sheet_of([np.full((CELL, CELL), 9, np.uint8)] * COLUMNS), tmp_path / BUNDLE_SHEET)
    assert sum(drawn(of_bundle(tmp_path, alphabet))) == COLUMNS
