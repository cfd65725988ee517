from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy, with_grammar
from device_runtime.read.decoder import Decoder
from device_runtime.read.grammar import for_alphabet

ALPHABET = (*"京AB12345", "-")
BLANK = len(ALPHABET) - 1
INFO = ConfidenceInfo(offset=-2, characters=0.5, gap=0, grammar=3, width=1, least=0.25)


def logits_of(text: str) -> np.ndarray:
    logits = np.full((len(ALPHABET), 18), -4, np.float32)
    for step in range(18):
        label = ALPHABET.index(text[step // 2]) if step % 2 and step // 2 < len(text) else BLANK
        logits[label, step] = 4
    return logits


def test_without_a_calibration_the_characters_say_how_sure_a_text_is() -> None:
    logits = logits_of("京A12345")
    assert Decoder(ALPHABET, BLANK).decode(logits, 20) == greedy(logits, ALPHABET, BLANK)
    assert Decoder(ALPHABET, BLANK).least_confidence == 0


def test_plates_are_surer_than_what_no_plate_says_and_wide_ones_surer_than_narrow_ones() -> None:
    decoder = Decoder(ALPHABET, BLANK, INFO)
    plate, other = logits_of("京A12345"), logits_of("A1234")
    confidences = [decoder.decode(*args).confidence for args in ((plate, 94), (plate, 30), (other, 94))]
    assert confidences == sorted(confidences, reverse=True)
    assert decoder.decode(plate, 94).text == "京A12345"
    assert decoder.least_confidence == 0.25
    assert decoder.decode(logits_of(""), 94).confidence == 0
    single = decoder.decode(logits_of("1"), 94)
    assert (single.text, single.confidence) == ("1", 0)


def test_grammar_chooses_if_asked_to() -> None:
    logits = logits_of("京A12345")
    logits[ALPHABET.index("1"), 3] = 4.5
    chosen = with_grammar(logits, ALPHABET, BLANK, for_alphabet(ALPHABET))
    assert Decoder(ALPHABET, BLANK, use_grammar=True).decode(logits, 94) == chosen
    assert chosen.text != greedy(logits, ALPHABET, BLANK).text
    with pytest.raises(FatalError, match="alphabet"):
        Decoder(("x", "-"), 1, use_grammar=True)


def test_the_calibration_says_whether_grammar_chooses_by_default() -> None:
    logits = logits_of("京A12345")
    logits[ALPHABET.index("1"), 3] = 4.5
    info = replace(INFO, with_grammar=True)
    texts = [Decoder(ALPHABET, BLANK, info, asked).decode(logits, 94).text for asked in (None, True, False)]
    assert texts == ["京A12345", "京A12345", greedy(logits, ALPHABET, BLANK).text]
    assert not Decoder(("x", "-"), 1, info).uses_grammar
