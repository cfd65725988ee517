from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.follow.look_alike import MOST_CHARACTERS, align, cost, distance, folded, normalised

TEXTS = st.text("0OD1I2Z5S6G8BQ7AEF粤", max_size=8)


def plain_distance(one: str, other: str) -> float:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one):
        new = [i + 1]
        for j, b in enumerate(other):
            new.append(min(row[j] + (a != b), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ("粤B12345", "粤812345", 0),
        ("粤B·D0O15", "粤b-OOOI5", 0),
        ("AB123", "AB124", 1),
        ("AB123", "AB12", 1),
        ("MN123", "NN123", 0.5),
        ("", "ABC", 3),
    ],
)
def test_what_looks_alike_is_near(one: str, other: str, far: float) -> None:
    assert distance(one, other) == far


@given(TEXTS, TEXTS, TEXTS)
def test_it_is_a_metric_and_never_beyond_the_plain_one(a: str, b: str, c: str) -> None:
    assert distance(a, b) == distance(b, a) <= plain_distance(a, b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    for most in (0, 1, 2.5):
        assert distance(a, b, most) == (distance(a, b) if distance(a, b) <= most else math.inf)
    assert (distance(a, b) == 0) == (folded(a) == folded(b))


@given(TEXTS, TEXTS)
def test_alignment_takes_every_character_once_in_order(a: str, b: str) -> None:
    pairs = align(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    spent = sum(1 if i is None or j is None else cost(a[i], b[j]) for i, j in pairs)
    assert distance(a, b) <= spent <= distance(a, b) + len(pairs) / 8


@given(st.text(max_size=300))
def test_any_text_is_cut_and_compared(text: str) -> None:
    assert len(normalised(text)) <= MOST_CHARACTERS
    assert distance(text, text) == 0 and distance(text, "") <= MOST_CHARACTERS
