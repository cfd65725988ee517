from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lprnet.plates.faces import CUTS, FACES, cut
from lprnet.plates.glyphs import TEXT, TEXT_CUTS, _natural, face_styles, glyph, natural_width
from lprnet.plates.letterforms import CHARACTERS, Design, H, draw

DIGITS_AND_LETTERS = CHARACTERS[:36]


def test_every_character_is_drawn_in_every_face() -> None:
    for face, design in FACES.items():
        for character in CHARACTERS:
            mask = draw(character, design, 40)
            assert mask.shape[0] == 40, face
            assert abs(mask.shape[1] - 40 * design.width(character) / H) <= 1
            assert mask.max() > 200


@pytest.mark.parametrize("face", FACES)
def test_characters_of_a_face_differ(face: str) -> None:
    """But O from 0 and I from 1, which some countries draw alike."""
    masks = {c: glyph(c, face_styles(face)[0], 24, 40).astype(int) for c in DIGITS_AND_LETTERS}
    for i, a in enumerate(DIGITS_AND_LETTERS):
        for b in DIGITS_AND_LETTERS[:i]:
            if {a, b} not in ({"O", "0"}, {"I", "1"}, {"O", "Q"}, {"Q", "0"}):
                assert np.abs(masks[a] - masks[b]).mean() > 4, a + b


def test_cuts_vary_their_face_and_are_the_same_again() -> None:
    assert cut("fe", 0) == FACES["fe"]
    assert len({cut("fe", number) for number in range(CUTS)}) == CUTS
    cut.cache_clear()
    again = cut("fe", 3)
    cut.cache_clear()
    assert again == cut("fe", 3)


@pytest.mark.parametrize("mark", ["slash", "dot", "notch"])
def test_zeros_with_a_mark(mark: str) -> None:
    plain, marked = Design(), Design(mark=mark)
    assert np.abs(draw("0", plain, 40).astype(int) - draw("0", marked, 40)).max() > 100
    assert np.array_equal(draw("O", plain, 40), draw("O", marked, 40))


@pytest.mark.parametrize(
    ("letter", "forms"),
    [
        ("R", [{"leg": leg} for leg in ("stem", "bowl", "upright")]),
        ("Q", [{"tail": tail} for tail in ("long", "short", "inner", "down")]),
        ("K", [{"arms": arms} for arms in ("apart", "together")]),
        ("G", [{"chin": chin} for chin in ("bar", "spur", "stub")]),
        ("W", [{"peak": peak} for peak in (0.0, 0.32)]),
        ("Y", [{"fork": fork} for fork in (0.45, 0.6)]),
        ("A", [{"tie": tie} for tie in (0.62, 0.75)]),
    ],
)
def test_forms_of_a_letter(letter: str, forms: list[dict[str, Any]]) -> None:
    designs = [Design(**form) for form in forms]
    drawn = [draw(letter, design, 40).astype(int) for design in designs]
    for i, one in enumerate(drawn):
        assert all(np.abs(one - other).max() > 100 for other in drawn[:i])
    for other in DIGITS_AND_LETTERS.replace(letter, ""):
        assert len({draw(other, design, 40).tobytes() for design in designs}) == 1


def test_cuts_of_a_text_font_are_redrawn_but_for_the_first_and_the_same_again() -> None:
    def drawn() -> list[bytes]:
        return [glyph("R", TEXT + number, 24, 40).tobytes() for number in range(TEXT_CUTS)]

    before = drawn()
    assert len(set(before)) == TEXT_CUTS
    glyph.cache_clear()
    _natural.cache_clear()
    assert drawn() == before


def test_text_fonts_keep_their_proportions() -> None:
    for style in face_styles("text"):
        assert natural_width("W", style) > natural_width("I", style)
        assert glyph("B", style, 20, 40).shape == (40, 20)
