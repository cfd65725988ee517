from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.follow.outline import Outline, crosses, iou
from tests.device_runtime.follow.drives import outline

POINTS = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=4, max_size=4)


def of(points: list[tuple[int, int]]) -> Outline | None:
    return Outline.of(np.array(points, np.float32))


def test_overlap_of_rectangles_and_of_a_diamond() -> None:
    one = outline(100, 100, 60)
    assert iou(one, one) == pytest.approx(1)
    assert iou(one, one.moved(30, 0)) == pytest.approx(1 / 3)
    assert iou(one, one.moved(0, 25)) == 0
    diamond, square = (
        of([(0, -10), (10, 0), (0, 10), (-10, 0)]),
        of([(-10, -10), (10, -10), (10, 10), (-10, 10)]),
    )
    assert diamond and square and iou(diamond, square) == pytest.approx(0.5)


@given(POINTS, POINTS)
def test_any_two_places_have_an_overlap_from_0_to_1(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    one, other = of(a), of(b)
    if one and other:
        assert 0 <= iou(one, other) <= 1
        assert iou(one, other) == pytest.approx(iou(other, one), abs=1e-6)


def test_what_has_no_size_is_no_place() -> None:
    assert of([(1, 1)] * 4) is None
    assert Outline.of(np.full((4, 2), np.nan, np.float32)) is None


@pytest.mark.parametrize(
    ("start", "end", "way"),
    [((5, -1), (5, 1), 1), ((5, 1), (5, -1), -1), ((5, 1), (6, 2), 0), ((20, -1), (20, 1), 0)],
)
def test_ways_over_a_line(start: tuple[float, float], end: tuple[float, float], way: int) -> None:
    assert crosses(start, end, (0, 0, 10, 0)) == way
