from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from device_runtime.read.decode import greedy, log_softmax
from device_runtime.read.decode import log_probability as probability_of
from device_runtime.read.decoder import Decoder, Read
from device_runtime.read.grammar import for_alphabet
from device_runtime.read.looks import FILLED, LOOKS, Look, agreed, closer, runners_up, seen
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


def narrow(first: int, last: int, count: int = 5) -> np.ndarray:
    """Logits of *count* ones from step *first* to step *last*, blanks between and beside them."""
    logits = np.full((len(ALPHABET), 18), -4, np.float32)
    logits[BLANK] = 3
    logits[ALPHABET.index("1"), np.linspace(first, last, count).round().astype(int)] = 6
    return logits


def test_a_closer_look_shows_the_text_alone() -> None:
    # Each column is as bright as it is far from the left, a pixel of the network's input being 2.
    image = np.tile(np.arange(188, dtype=np.uint8)[None, :, None], (48, 1, 3))
    part = closer(image, narrow(5, 13), BLANK)
    assert part is not None and part.shape[0] == 48
    # Steps 5 and 13 are at 31 and 63 of 94 px, half a character of 8 px beyond them the text ends.
    left, right = 2 * 27, 2 * 67
    beyond = (right - left) * (1 / FILLED - 1) / 2
    assert part[0, 0, 0] == pytest.approx(left - beyond, abs=1)
    assert part[0, -1, 0] == pytest.approx(right + beyond, abs=1)


def test_a_closer_look_goes_beyond_the_edge_where_the_text_is_near_it() -> None:
    image = np.tile(np.arange(188, dtype=np.uint8)[None, :, None], (48, 1, 3))
    part = closer(image, narrow(0, 10, 4), BLANK)
    assert part is not None
    # A character has 3.3 steps: the text is from 4.3 to 57.7 px.
    assert part.shape[1] == pytest.approx(2 * 53.3 / FILLED, abs=1)
    assert not part[0, :5].any() and part[0, -1, 0] == pytest.approx(2 * 64.3, abs=2)


def test_there_is_no_closer_look_without_more_to_see() -> None:
    fine, coarse = np.zeros((48, 188, 3), np.uint8), np.zeros((24, 94, 3), np.uint8)
    text = narrow(5, 13)
    assert closer(fine, text, BLANK) is not None
    assert closer(coarse, text, BLANK) is None
    assert closer(fine, narrow(0, 17), BLANK) is None
    assert closer(fine, narrow(5, 13, 3), BLANK) is None
    assert closer(fine, logits_of(""), BLANK) is None


def test_runners_up_are_texts_with_second_classes_where_a_look_is_unsure() -> None:
    look = logits_of("京A12345", {2: ("D", 5.9), 4: ("0", 5.8)})
    look[BLANK, 1] = 5.7
    others = {"".join(ALPHABET[label] for label in text) for text in runners_up(look, BLANK)}
    both = {"京AD2345", "京A12045", "京AD2045"}
    assert others == {*both, "A12345", *(text[1:] for text in both)}


def test_a_text_that_no_look_has_as_its_likeliest_can_win() -> None:
    """Each look misreads another character, and all have the right one in the second place."""
    wrong = [{1: ("0", 6.2)}, {2: ("D", 6.2)}, {3: ("1", 6.2)}]
    looks = [logits_of("京A12345", doubt) for doubt in wrong]
    views = iter([(np.zeros((24, 94, 3), np.uint8), None)] * 3)
    waiting = iter([looks[0], *looks, *looks])
    read = Decoder(ALPHABET, BLANK).read(
        np.zeros((24, 94, 3), np.uint8), 94, lambda _: next(waiting), further=views
    )
    assert all(greedy(look, ALPHABET, BLANK).text != "京A12345" for look in looks)
    assert read.decoded.text == "京A12345"


@pytest.mark.parametrize("size", [(1, 95), (2, 700), (300, 2), (1, 1)])
def test_an_image_of_any_size_is_looked_at_closer_or_not(size: tuple[int, int]) -> None:
    for first in range(0, 9):
        part = closer(np.zeros((*size, 3), np.uint8), narrow(first, first + 9), BLANK)
        assert part is None or min(part.shape) > 0


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


def test_a_fine_image_is_looked_at_closer() -> None:
    unsure, sure = narrow(5, 13), narrow(5, 13)
    unsure[ALPHABET.index("2"), 9] = 5.9
    shapes: list[tuple[int, ...]] = []

    def infer(image: np.ndarray) -> np.ndarray:
        shapes.append(image.shape)
        return unsure if len(shapes) == 1 else sure

    found = Decoder(ALPHABET, BLANK).read(np.zeros((48, 188, 3), np.uint8), 188, infer)
    assert [shape[1] for shape in shapes] == [188, 180, 196, 100]
    assert found.decoded.text == "11111"


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


@pytest.mark.parametrize(
    ("width", "others", "text", "inferences", "made"),
    [
        (188, "京A1233", "京A1233", 4, 0),  # several looks agree
        (188, "京A12334", "京A12334", 6, 2),  # one look merges what others see twice
        (94, "京A12334", "京A1233", 1, 0),  # no finer than the network's input
    ],
)
def test_several_looks_have_to_agree_on_a_fine_image_however_sure_one_is(
    width: int, others: str, text: str, inferences: int, made: int
) -> None:
    seen_so_far: list[Rows] = []
    views = [(np.zeros((24, 94, 3), np.uint8), None)] * 2

    def further() -> Iterator[Rows]:
        for view in views:
            seen_so_far.append(view)
            yield view

    calls: list[int] = []

    def infer(image: np.ndarray) -> np.ndarray:
        calls.append(image.shape[1])
        return logits_of("京A1233" if len(calls) == 1 else others)

    read = Decoder(ALPHABET, BLANK).read(np.zeros((48, width, 3), np.uint8), width, infer, further=further())
    assert (read.decoded.text, len(calls), len(seen_so_far)) == (text, inferences, made)


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
