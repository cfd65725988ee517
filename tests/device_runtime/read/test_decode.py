from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from device_runtime.read.decode import UNUSUAL, beam, greedy, log_probability, log_softmax, with_grammar
from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES, for_alphabet

ALPHABET = "abcd-"


logits_of = st.builds(
    lambda shape, data: data.draw(
        arrays(np.float32, shape, elements=st.floats(-30, 30, width=32, allow_subnormal=False))
    ),
    st.tuples(st.integers(2, 5), st.integers(1, 6)),
    st.data(),
)


def merge(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """The CTC map as its definition says: merge runs, then drop blanks."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits.astype(np.float64) - logits.max(axis=0))
    return e / e.sum(axis=0)


def brute_force(logits: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """Probability of every text, from every path."""
    p = softmax(logits)
    texts: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(p.shape[0]), repeat=p.shape[1]):
        labels = merge(path, blank)
        texts[labels] = texts.get(labels, 0.0) + math.prod(p[c, t] for t, c in enumerate(path))
    return texts


@given(logits_of)
def test_greedy_is_the_merged_best_path(logits: np.ndarray) -> None:
    blank = logits.shape[0] - 1
    decoded = greedy(logits, ALPHABET, blank)
    labels = merge(tuple(logits.argmax(axis=0)), blank)
    assert decoded.text == "".join(ALPHABET[label] for label in labels)
    assert len(decoded.character_confidences) == len(labels)
    assert all(0 <= c <= 1 for c in decoded.character_confidences)
    assert decoded.confidence == pytest.approx(math.prod(decoded.character_confidences) if labels else 0.0)


@given(logits_of)
def test_a_character_is_as_sure_as_its_surest_step(logits: np.ndarray) -> None:
    blank = logits.shape[0] - 1
    p, best = softmax(logits), logits.argmax(axis=0)
    runs = [list(run) for _, run in itertools.groupby(range(len(best)), key=lambda t: best[t])]
    expected = [max(p[best[t], t] for t in run) for run in runs if best[run[0]] != blank]
    assert greedy(logits, ALPHABET, blank).character_confidences == pytest.approx(expected, rel=1e-4)


@given(logits_of)
def test_probabilities_are_those_of_all_paths(logits: np.ndarray) -> None:
    if logits.shape[0] ** logits.shape[1] > 3000:
        logits = logits[:, :4]
    blank = logits.shape[0] - 1
    expected = brute_force(logits, blank)
    scores = log_softmax(logits)
    for labels, probability in expected.items():
        assert math.exp(log_probability(scores, labels, blank)) == pytest.approx(probability, rel=1e-6)
    too_long = (0,) * (logits.shape[1] + 1)
    assert log_probability(scores, too_long, blank) == -math.inf


@given(logits_of, st.integers(1, 12))
def test_beam_is_at_least_as_likely_as_greedy(logits: np.ndarray, width: int) -> None:
    blank = logits.shape[0] - 1
    found = beam(logits, blank, width)
    path = merge(tuple(logits.argmax(axis=0)), blank)
    scores = log_softmax(logits)
    assert found[0].log_probability >= log_probability(scores, path, blank) - 1e-9
    assert len(found) <= width + 1
    assert [c.log_probability for c in found] == sorted((c.log_probability for c in found), reverse=True)
    assert all(-1e3 < c.log_probability <= 1e-9 for c in found)
    assert len({c.labels for c in found}) == len(found)


@given(logits_of)
def test_a_wide_beam_finds_the_most_likely_text(logits: np.ndarray) -> None:
    logits = np.clip(logits[:, :4], -3, 3)  # no probability below the pruning limit
    blank = logits.shape[0] - 1
    probability = max(brute_force(logits, blank).values())
    best = beam(logits, blank, 1000)[0]
    assert math.exp(best.log_probability) == pytest.approx(probability, rel=1e-6)


PLATE_ALPHABET = tuple(sorted(PROVINCES)) + tuple(sorted(DIGITS)) + tuple(sorted(LETTERS)) + ("I", "O", "-")


BLANK = len(PLATE_ALPHABET) - 1


def spell(text: str, doubts: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """Logits that read *text*, every other step blank; *doubts* give a place a rival and its logit."""
    logits = np.zeros((len(PLATE_ALPHABET), 18), np.float32)
    logits[BLANK, :] = 12
    for place, character in enumerate(text):
        step = 2 * place
        logits[BLANK, step] = 0
        logits[PLATE_ALPHABET.index(character), step] = 12
        if doubts and place in doubts:
            rival, logit = doubts[place]
            logits[PLATE_ALPHABET.index(rival), step] = logit
    return logits


def test_grammar_takes_the_rival_that_makes_a_plate() -> None:
    grammar = for_alphabet(PLATE_ALPHABET)
    logits = spell("京AI2345", {2: ("1", 11.0)})
    assert greedy(logits, PLATE_ALPHABET, BLANK).text == "京AI2345"
    decoded = with_grammar(logits, PLATE_ALPHABET, BLANK, grammar)
    assert decoded.text == "京A12345"
    assert decoded.character_confidences[2] == pytest.approx(1 / (1 + math.e), rel=0.01)
    assert decoded.confidence == pytest.approx(math.prod(decoded.character_confidences))


def test_grammar_leaves_a_plate_and_a_hopeless_text_alone() -> None:
    grammar = for_alphabet(PLATE_ALPHABET)
    for text in ("京A12345", "粤AD12345", "京", ""):
        logits = spell(text)
        assert with_grammar(logits, PLATE_ALPHABET, BLANK, grammar) == greedy(logits, PLATE_ALPHABET, BLANK)


def test_a_text_that_is_clear_enough_stays_though_it_is_no_plate() -> None:
    grammar = for_alphabet(PLATE_ALPHABET)
    close, far = (12 + 0.5 * math.log(UNUSUAL) * times for times in (1, 4))
    for logit, text in ((close, "京A12345"), (far, "京AI2345")):
        logits = spell("京AI2345", {2: ("1", logit)})
        assert with_grammar(logits, PLATE_ALPHABET, BLANK, grammar).text == text


def test_grammar_reads_doubled_characters() -> None:
    grammar = for_alphabet(PLATE_ALPHABET)
    decoded = with_grammar(spell("京AO8855", {2: ("8", 11.5)}), PLATE_ALPHABET, BLANK, grammar)
    assert decoded.text == "京A88855"
    assert len(decoded.character_confidences) == 7


def test_what_is_hardly_possible_keeps_its_logarithm() -> None:
    blank, steps, labels = 9, 18, tuple(range(8))
    logits = np.zeros((10, steps), np.float32)
    logits[blank] = 100
    # Each label at one step: as many alignments as there are places for eight of eighteen.
    expected = -100 * len(labels) + math.log(math.comb(steps, len(labels)))
    assert log_probability(log_softmax(logits), labels, blank) == pytest.approx(expected, rel=1e-9)
