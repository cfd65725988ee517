from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.follow.vote import MOST_ALTERNATIVES, MOST_TEXTS, Tally, Vote, ballot, vote

READINGS = st.lists(
    st.tuples(st.text("AB80O1粤", min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1)),
    min_size=1,
    max_size=12,
)


def voted(*readings: tuple[str, float, float]) -> Vote:
    tally = Tally()
    for text, confidence, weight in readings:
        tally.add(ballot(text, [confidence] * len(text), weight))
    return vote(tally.ballots)


def test_each_character_is_voted_for_though_no_reading_is_right() -> None:
    result = voted(("粤B12340", 0.8, 1), ("粤B12745", 0.8, 1), ("粤R12345", 0.8, 1))
    assert result.text == "粤B12345" and result.agreeing == 3
    assert {other.text for other in result.alternatives} == {"粤B12340", "粤B12745", "粤R12345"}


def test_what_is_seen_well_outweighs_the_many() -> None:
    far = ("粤B1Z345", 0.5, 0.1)
    assert voted(far, far, far, ("粤B12345", 0.95, 1.0)).text == "粤B12345"


def test_missing_and_additional_characters_are_aligned() -> None:
    assert voted(("粤B12345", 0.9, 1), ("粤B1345", 0.9, 1), ("粤B123945", 0.9, 1)).text == "粤B12345"
    assert voted(("B12345", 0.9, 1), ("粤B12345", 0.9, 1), ("粤B12345", 0.9, 1)).text == "粤B12345"


def test_agreement_is_no_surer_than_its_surest_reading() -> None:
    assert voted(*[("AB1", 0.9, 1)] * 50).confidence == pytest.approx(0.9**3)
    assert voted(("AB1", 0.5, 1), ("AB1", 0.9, 1)).confidence == pytest.approx(0.9**3)
    split = voted(("AB1", 0.9, 1), ("AB1", 0.9, 1), ("AB7", 0.9, 1))
    assert split.confidence == pytest.approx(0.9**3 * 2 / 3)
    assert split.alternatives[0].weight == pytest.approx(1 / 3)


@given(st.text("AB80O1粤", min_size=1, max_size=8), st.floats(0.01, 1), st.floats(0.01, 1))
def test_one_reading_is_its_own_vote(text: str, confidence: float, weight: float) -> None:
    result = voted((text, confidence, weight))
    assert result.text == text and result.alternatives == () and result.agreeing == 1
    assert result.character_confidences == pytest.approx((confidence,) * len(text))


@given(READINGS, st.randoms())
def test_votes_are_bounded_and_do_not_depend_on_the_order(
    readings: list[tuple[str, float, float]], order: random.Random
) -> None:
    result = voted(*readings)
    shuffled = list(readings)
    order.shuffle(shuffled)
    again = voted(*shuffled)
    assert again.confidence == pytest.approx(result.confidence, rel=1e-6, abs=1e-12)
    assert 0 <= result.confidence <= 1 and len(result.character_confidences) == len(result.text) > 0
    assert all(0 <= c <= 1 + 1e-9 for c in result.character_confidences)
    assert len(result.alternatives) <= MOST_ALTERNATIVES
    assert result.text not in [other.text for other in result.alternatives]


def test_a_tally_stays_small_and_keeps_what_weighs() -> None:
    tally = Tally()
    for i in range(5000):
        tally.add(ballot("粤B12345", [0.9] * 7, 1))
        tally.add(ballot(f"X{i:05}", [0.2] * 6, 0.1))
    assert len(tally.ballots) <= MOST_TEXTS and tally.readings == 10_000
    assert tally.leader == vote(tally.ballots).text == "粤B12345" and tally.agreeing == 5000


def test_merged_tallies_count_all() -> None:
    one, other = Tally(), Tally()
    one.add(ballot("AB1", [0.5] * 3, 1))
    other.add(ballot("AB1", [0.7] * 3, 1))
    other.add(ballot("AB7", [0.7] * 3, 1))
    one.merge(other)
    assert one.readings == 3 and one.leader == "AB1" and len(one.ballots) == 2
    assert math.isclose(next(b for b in one.ballots if b.text == "AB1").weight, 2)


def test_a_confidence_for_each_character() -> None:
    with pytest.raises(ValueError, match="2 confidences of 3 characters"):
        ballot("AB1", [0.5, 0.5], 1)
