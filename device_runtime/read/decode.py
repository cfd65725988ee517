"""From logits to the plate's text: connectionist temporal classification (Graves et al., 2006)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_runtime.read.grammar import Grammar

BEAM_WIDTH = 6
"""Texts that a beam keeps."""
_PRUNE = 1e-3
"""Classes less likely than this at a step do not extend a beam; plates need no finer search."""
UNUSUAL = 0.03
"""Prior odds that a text is no plate by the grammar: some are personal, old or foreign."""
_LOG_UNUSUAL = math.log(UNUSUAL)
FREQUENCY = 0.5
"""How far a text's frequency counts: countries' shares are guesses, and a network has learnt some of it."""
_UNDERFLOW = 1e-250
"""A smaller probability may have lost parts that became 0 on the way."""


@dataclass(frozen=True)
class Decoded:
    """A text and how sure it is.

    Attributes:
        text: of the plate.
        confidence: product of `character_confidences`; 0 for an empty text.
        character_confidences: of each character the highest softmax output of its class over the steps
            aligned to it.
        labels: the characters' classes.
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A text that a beam has found.

    Attributes:
        labels: the classes' indices.
        log_probability: natural logarithm of the sum over all alignments.
    """

    labels: tuple[int, ...]
    log_probability: float


def greedy(logits: NDArray[np.float32], alphabet: Sequence[str], blank: int) -> Decoded:
    """The text of the most likely class at every step: repeats merged, blanks dropped.

    Args:
        logits: float32 [classes, steps], before softmax.
        alphabet: the classes' characters.
        blank: index of the class that means no character.
    """
    best, probabilities = _best_path(logits)
    labels: list[int] = []
    confidences: list[float] = []
    previous = blank
    for label, probability in zip(best, probabilities, strict=True):
        if label == blank:
            pass
        elif label != previous:
            labels.append(label)
            confidences.append(probability)
        elif probability > confidences[-1]:
            confidences[-1] = probability
        previous = label
    return decoded(labels, confidences, alphabet)


def with_grammar(
    logits: NDArray[np.float32],
    alphabet: Sequence[str],
    blank: int,
    grammar: Grammar,
    width: int = BEAM_WIDTH,
) -> Decoded:
    """The greedy text if it is a plate; else, of a small beam, the most likely text by `log_prior`.

    Arguments as for `greedy`; *width* is the number of texts the beam keeps.
    """
    first = greedy(logits, alphabet, blank)
    if not first.text or grammar.accepts(first.text):
        return first

    def log_posterior(candidate: Candidate) -> float:
        return candidate.log_probability + log_prior(candidate.labels, alphabet, grammar)

    best = max(beam(logits, blank, width), key=log_posterior).labels
    return (
        first if best == first.labels else decoded(best, aligned(log_softmax(logits), best, blank), alphabet)
    )


def log_prior(labels: Sequence[int], alphabet: Sequence[str], grammar: Grammar) -> float:
    """Natural log of how likely a text is before anything is seen: that of `UNUSUAL` if it is no plate.

    Of what is one, about 0; more for texts of a frequent kind, less for those that only rare kinds have.
    """
    frequency = grammar.log_frequency([alphabet[label] for label in labels])
    return max(FREQUENCY * frequency, _LOG_UNUSUAL)


def beam(logits: NDArray[np.float32], blank: int, width: int = BEAM_WIDTH) -> list[Candidate]:
    """Prefix beam search: up to *width* texts and the greedy one, most likely first.

    Probabilities are exact (`log_probability`), so the first is never less likely than the greedy text.
    """
    log_probabilities = log_softmax(logits)
    steps = np.exp(log_probabilities.T)
    # prefix → probability of all its alignments so far that end in a blank, and in its last label
    prefixes: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 0.0)}
    for step in steps:
        extensions = [(c, float(step[c])) for c in np.flatnonzero(step > _PRUNE).tolist() if c != blank]
        at_blank = float(step[blank])
        grown: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(prefix: tuple[int, ...], in_blank: float, in_label: float) -> None:
            old = grown.get(prefix, (0.0, 0.0))  # noqa: B023 – used within this step only
            grown[prefix] = (old[0] + in_blank, old[1] + in_label)  # noqa: B023

        for prefix, (in_blank, in_label) in prefixes.items():
            last = prefix[-1] if prefix else blank
            add(prefix, (in_blank + in_label) * at_blank, in_label * float(step[last]) if prefix else 0.0)
            for label, probability in extensions:
                # A label that repeats needs a blank in between.
                before = in_blank if label == last else in_blank + in_label
                if before:
                    add((*prefix, label), 0.0, before * probability)
        kept = sorted(grown.items(), key=lambda item: (-sum(item[1]), item[0]))[:width]
        prefixes = dict(kept)
    texts = {*prefixes, merged(logits.argmax(axis=0).tolist(), blank)}
    scored = [Candidate(labels, log_probability(log_probabilities, labels, blank)) for labels in texts]
    return sorted(scored, key=lambda c: (-c.log_probability, c.labels))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural log of the softmax over classes; logits and result [classes, steps]."""
    shifted = logits.astype(np.float64) - logits.max(axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))


def log_probability(log_probabilities: NDArray[np.float64], labels: Sequence[int], blank: int) -> float:
    """Natural log of the probability that any alignment of *labels* is drawn (Graves' forward variables).

    Args:
        log_probabilities: [classes, steps], as from `log_softmax`.

    Returns:
        −inf where *labels* do not fit into the steps.
    """
    return log_probability_each(log_probabilities[None], labels, blank)[0]


def log_probability_each(
    log_probabilities: NDArray[np.float64], labels: Sequence[int], blank: int
) -> list[float]:
    """`log_probability` in each of several looks, [looks, classes, steps], for little more than in one."""
    states, skips = _lattice(labels, blank)
    scores = log_probabilities[:, states].transpose(2, 0, 1)
    # Sums of logarithms take several times as long. The likeliest of a step counts as 1, against underflow.
    most = np.maximum.reduce(scores, 2)
    steps = np.exp(scores - most[:, :, None])
    # Two states that are never entered stand before the first.
    padded = np.zeros((scores.shape[1], len(states) + 2))
    padded[:, 2:4] = steps[0, :, :2]
    stay, before, skip = padded[:, 2:], padded[:, 1:-1], padded[:, :-2]
    for step in steps[1:]:
        stay[:] = (stay + before + skip * skips) * step
    totals, shifts = np.add.reduce(stay[:, -2:], 1).tolist(), np.add.reduce(most, 0).tolist()
    return [
        math.log(total) + shift if total > _UNDERFLOW else _by_logarithms(scores[:, look], skips)
        for look, (total, shift) in enumerate(zip(totals, shifts, strict=True))
    ]


def _by_logarithms(scores: NDArray[np.float64], skips: NDArray[np.bool_]) -> float:
    """Natural log of the sum over all paths through a lattice, [steps, states]; *skips* may be left out."""
    forward = np.full(scores.shape[1], -math.inf)
    forward[:2] = scores[0, :2]
    for score in scores[1:]:
        forward = np.logaddexp.reduce(_incoming(forward, skips), axis=0) + score
    return float(np.logaddexp.reduce(forward[-2:]))


def aligned(log_probabilities: NDArray[np.float64], labels: Sequence[int], blank: int) -> list[float]:
    """The probability of each of *labels*, at its best step of the single most likely alignment.

    Args:
        log_probabilities: [classes, steps], as from `log_softmax`.
    """
    states, skips = _lattice(labels, blank)
    scores = log_probabilities[states].T
    best = np.full(len(states), -math.inf)
    best[:2] = scores[0, :2]
    came: list[NDArray[np.int64]] = []
    for step in scores[1:]:
        incoming = _incoming(best, skips)
        came.append(incoming.argmax(axis=0))
        best = incoming.max(axis=0) + step
    state = len(states) - 2 + int(best[-2:].argmax()) if len(states) > 1 else 0
    confidences = [0.0] * len(labels)
    for at in range(len(scores) - 1, -1, -1):
        if state % 2:
            confidences[state // 2] = max(confidences[state // 2], math.exp(scores[at, state]))
        if at:
            state -= int(came[at - 1][state])
    return confidences


def _lattice(labels: Sequence[int], blank: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels with blanks around each, and which of these states can follow the one two before."""
    states = np.full(2 * len(labels) + 1, blank, np.int64)
    states[1::2] = labels
    skips = np.zeros(len(states), np.bool_)
    skips[3::2] = states[3::2] != states[1:-2:2]
    return states, skips


def _incoming(scores: NDArray[np.float64], skips: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rows: the score of staying in a state, of coming from the one before, of skipping a blank."""
    rows = np.full((3, len(scores)), -math.inf)
    rows[0] = scores
    rows[1, 1:] = scores[:-1]
    rows[2, 2:] = scores[:-2]
    rows[2, ~skips] = -math.inf
    return rows


def _best_path(logits: NDArray[np.float32]) -> tuple[list[int], list[float]]:
    best = logits.argmax(axis=0)
    # softmax at the largest logit is 1 / Σ exp(x − max)
    powers = np.exp(logits - np.maximum.reduce(logits, 0))
    return best.tolist(), np.reciprocal(np.add.reduce(powers, 0)).tolist()


def merged(path: Sequence[int], blank: int) -> tuple[int, ...]:
    """The text of a *path*, one class a step: repeats merged, blanks dropped."""
    return tuple(
        label
        for previous, label in zip([blank, *path[:-1]], path, strict=True)
        if label not in (blank, previous)
    )


def decoded(labels: Sequence[int], confidences: Sequence[float], alphabet: Sequence[str]) -> Decoded:
    """The text of *labels*, whose probabilities are *confidences*."""
    confidences = [min(c, 1.0) for c in confidences]
    confidence = math.prod(confidences) if confidences else 0.0
    return Decoded(
        "".join(alphabet[label] for label in labels), confidence, tuple(confidences), tuple(labels)
    )
