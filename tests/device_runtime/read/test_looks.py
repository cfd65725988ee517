from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from device_runtime.read.decode import greedy, log_softmax
from device_runtime.read.decode import log_probability as probability_of
from device_runtime.read.decoder import Decoder, Read
from device_runtime.read.grammar import for_alphabet
from device_runtime.read.looks import LOOKS, Look, agreed, seen
from device_runtime.sources.image import Rows

ALPHABET = (*"京A0D12345", "-")
BLANK = len(ALPHABET) - 1


def logits_of(text: str, doubt: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """Logits that say *text*, with second classes and their logits at some characters."""
    logits = np.full((len(ALPHABET), 18), -4, np.float32)
    for step in range(18):
        label = ALPHABET.index(text[step // 2]) if step % 2 and step // 2 < len(text) else BLANK
        logits[label, step] = 6
    for place, (other, value) in (doubt or {}).items():
        logits[ALPHABET.index(other), 2 * place + 1] = value
    return logits


def test_looks_cut_and_add_what_they_say() -> None:
    image = np.arange(24 * 94 * 3, dtype=np.uint8).reshape(24, 94, 3)
    assert np.array_equal(seen(image, Look(0.02, 0.06)), image[1:23, 2:92])
    wider = seen(image, Look(-0.02, -0.04))
    assert wider.shape == (26, 98, 3)
    assert np.array_equal(wider[1:-1, 2:-2], image)
    assert np.array_equal(wider[0, 2:-2], image[0])
    assert np.array_equal(seen(image, Look(0.02, -0.04))[1:-1], image[:, 2:92])


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (2, 2), (3, 500), (24, 1)])
def test_no_image_is_too_small_to_be_looked_at_again(size: tuple[int, int]) -> None:
    for look in LOOKS:
        assert min(seen(np.zeros((*size, 3), np.uint8), look).shape) > 0


def test_the_text_that_is_likeliest_over_all_looks_wins() -> None:
    unsure = logits_of("京AD1234", {2: ("0", 5.9)})
    other = logits_of("京A01234", {2: ("D", 1.0)})
    looks = [unsure, other, unsure]
    readings = [greedy(one, ALPHABET, BLANK) for one in looks]
    best, at = agreed(looks, [reading.labels for reading in readings], ALPHABET, BLANK, None)
    assert (readings[0].text, best.text, at) == ("京AD1234", "京A01234", 1)
    labels = best.labels
    each = [probability_of(log_softmax(one), labels, BLANK) for one in looks]
    assert max(each) == each[at]
    # A character's probability is the mean over all looks.
    shares = [float(np.exp(log_softmax(one)[labels[2], 5])) for one in looks]
    assert best.character_confidences[2] == pytest.approx(sum(shares) / 3)


def test_grammar_has_its_say_among_looks() -> None:
    plate, none = logits_of("京A12345"), logits_of("京A1234", {5: ("5", 3.0)})
    looks = [none, plate, none]
    texts = [greedy(one, ALPHABET, BLANK).labels for one in looks]
    assert agreed(looks, texts, ALPHABET, BLANK, None)[0].text == "京A1234"
    assert agreed(looks, texts, ALPHABET, BLANK, for_alphabet(ALPHABET[:-1]))[0].text == "京A12345"


def test_nothing_on_any_look_is_no_text() -> None:
    empty = logits_of("")
    best, at = agreed([empty] * 3, [()] * 3, ALPHABET, BLANK, None)
    assert (best.text, best.confidence, at) == ("", 0, 0)


def test_only_an_unsure_plate_is_looked_at_again() -> None:
    image = np.zeros((24, 94, 3), np.uint8)
    sure, unsure = logits_of("京A12345"), logits_of("京AD1234", {2: ("0", 5.9)})
    shapes: list[tuple[int, ...]] = []

    def read(*answers: np.ndarray) -> Read:
        waiting = iter(answers)
        shapes.clear()

        def infer(image: np.ndarray) -> np.ndarray:
            shapes.append(image.shape)
            return next(waiting)

        return Decoder(ALPHABET, BLANK).read(image, 94, infer)

    for only in (sure, logits_of("")):
        read(only)
        assert len(shapes) == 1
    found = read(unsure, sure, sure)
    assert shapes == [(24, 94, 3), (22, 90, 3), (26, 98, 3)]
    assert found.decoded.text == "京A12345"
    assert np.array_equal(found.logits, sure)
    assert found.decoded.confidence == pytest.approx(math.prod(found.decoded.character_confidences))


def test_further_views_are_made_only_where_three_looks_leave_doubt() -> None:
    image = np.zeros((24, 94, 3), np.uint8)
    sure, unsure = logits_of("京A12345"), logits_of("京AD1234", {2: ("0", 5.9)})
    made: list[int] = []

    def views() -> Iterator[Rows]:
        for value in (1, 2, 3, 4):
            made.append(value)
            yield np.full((24, 94, 3), value, np.uint8), image if value == 4 else None

    def read(at_first: np.ndarray, at_last: np.ndarray) -> Read:
        made.clear()

        def infer(seen: np.ndarray) -> np.ndarray:
            return at_last if made else at_first

        return Decoder(ALPHABET, BLANK).read(image, 94, infer, further=views())

    read(sure, unsure)
    assert not made
    found = read(unsure, sure)
    # The confidence is that of the clearest three of seven looks.
    assert made == [1, 2, 3, 4] and found.decoded.text == "京A12345"
    assert found.decoded.confidence == pytest.approx(read(sure, sure).decoded.confidence, rel=1e-3)


def test_two_rows_apart_are_one_text() -> None:
    upper, lower = np.zeros((24, 94, 3), np.uint8), np.ones((24, 94, 3), np.uint8)
    answers = {0: logits_of("京A1"), 1: logits_of("12345")}
    # A character ends the upper row at its last step and begins the lower one at its first.
    answers[0][ALPHABET.index("1"), -1] = answers[1][ALPHABET.index("1"), 0] = 9
    read = Decoder(ALPHABET, BLANK).read(upper, 94, lambda image: answers[int(image.mean())], below=lower)
    assert read.decoded.text == "京A1112345"
    assert read.logits.shape == (len(ALPHABET), 37)


LATIN = (*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-")


def latin_logits(text: str, rival: dict[int, tuple[str, float]]) -> np.ndarray:
    logits = np.zeros((len(LATIN), 18), np.float32)
    logits[-1] = 12
    for place, character in enumerate(text):
        step = 2 * place + 1
        logits[-1, step] = 0
        logits[LATIN.index(character), step] = 12
        if place in rival:
            other, logit = rival[place]
            logits[LATIN.index(other), step] = logit
    return logits


@pytest.mark.parametrize(
    ("countries", "text"),
    [((), "OLC4728"), (("br",), "OLC4728"), (("cz", "br"), "OLC4728"), (("dk",), "0LC4728")],
)
def test_a_frequent_kind_of_plate_wins_where_the_pixels_leave_it_open(
    countries: tuple[str, ...], text: str
) -> None:
    """0 and O look alike in many types; no look's own text is the one of more plates."""
    doubtful = latin_logits("0LC4728", {0: ("O", 11.8)})
    decoder = Decoder(LATIN, len(LATIN) - 1, use_grammar=True, countries=countries)
    read = decoder.read(np.zeros((24, 94, 3), np.uint8), 94, lambda image: doubtful)
    assert read.decoded.text == text
    sure = latin_logits("0LC4728", {0: ("O", 4.0)})
    assert decoder.read(np.zeros((24, 94, 3), np.uint8), 94, lambda image: sure).decoded.text == "0LC4728"
