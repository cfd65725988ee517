from __future__ import annotations

import numpy as np
import pytest

from lprnet.plates.faces import CUTS, FACES, cut
from lprnet.plates.glyphs import face_styles, glyph, natural_width
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


def test_text_fonts_keep_their_proportions() -> None:
    for style in face_styles("text"):
        assert natural_width("W", style) > natural_width("I", style)
        assert glyph("B", style, 20, 40).shape == (40, 20)
