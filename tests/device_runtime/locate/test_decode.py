import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.locate.decode import (
    CHANNELS,
    CORNERS,
    ROWS,
    SCORE,
    SIZE,
    STRIDE,
    UNIT,
    VIEW_CHANNELS,
    VIEW_ROWS,
    VIEW_SCORE,
    Floats,
    decode,
    decode_view,
    intersection_over_union,
    surviving,
)

H, W = 20, 26
"""Cells."""


def _output(plates: list[tuple[Floats, float, float]]) -> Floats:
    """What a perfect network says of plates given as corners float32[4,2], score logit and rows logit."""
    output = np.zeros((CHANNELS, H, W), np.float32)
    output[SCORE] = -12
    for corners, logit, rows in plates:
        middle = corners.mean(0)
        column, row = (middle // STRIDE).astype(int)
        for y in range(max(row - 1, 0), min(row + 2, H)):
            for x in range(max(column - 1, 0), min(column + 2, W)):
                center = (np.array([x, y], np.float32) + 0.5) * STRIDE
                size = np.log(np.linalg.norm(corners[1] - corners[0]) / UNIT)
                output[SCORE, y, x] = logit - 0.02 * np.square(center - middle).sum()
                output[ROWS, y, x], output[SIZE, y, x] = rows, size
                output[CORNERS, y, x] = ((corners - center) / (np.exp(size) * UNIT)).ravel()
    return output


def _plate(x: float, y: float, width: float, tilt: float) -> Floats:
    along = width / 2 * np.array([np.cos(tilt), np.sin(tilt)])
    across = width / 6 * np.array([-np.sin(tilt), np.cos(tilt)])
    square = [-along - across, along - across, along + across, -along + across]
    return (np.array(square) + np.array([x, y])).astype(np.float32)


HUNDREDTHS = st.integers(-40, 40).map(lambda value: value / 100)
"""Not floats, of which Hypothesis draws none where a fast-math library was loaded before."""


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(12, 60),
            HUNDREDTHS,
            st.integers(-1, 6),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda plate: plate[:2],
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_said_of_plates_is_found_again(drawn: list[tuple[int, int, int, float, int]]) -> None:
    plates = [
        (_plate(37 + 66 * i, 29 + 51 * j, w, tilt), float(logit), -9.0) for i, j, w, tilt, logit in drawn
    ]
    found = decode(_output(plates), 0.05)
    assert len(found) == len(plates)
    assert np.all(np.diff(found.scores) <= 0) and found.two_rows.max() < 0.01
    for corners, logit, _ in plates:
        nearest = np.abs(found.corners - corners).max((1, 2)).argmin()
        assert np.abs(found.corners[nearest] - corners).max() < 0.01
        assert found.scores[nearest] == pytest.approx(1 / (1 + np.exp(-logit)), abs=0.2)


@given(st.integers(0, 10_000), st.integers(2, 60))
@settings(max_examples=40, deadline=None)
def test_on_any_output_decoding_is_orderly(seed: int, percent: int) -> None:
    threshold = percent / 100
    rng = np.random.default_rng(seed)
    output = rng.normal(0, 2, (CHANNELS, H, W)).astype(np.float32)
    found = decode(output, threshold, most=30)
    assert len(found) <= 30 and np.isfinite(found.corners).all()
    assert np.all(found.scores >= threshold - 1e-6) and np.all(np.diff(found.scores) <= 0)
    hulls = np.concatenate([found.corners.min(1), found.corners.max(1)], 1)
    overlaps = intersection_over_union(hulls, hulls) - np.eye(len(found))
    assert overlaps.max(initial=0) <= 0.3 + 1e-6
    # A higher threshold gives the surest of them, unless more peaks were there than looked at.
    fewer = decode(output, min(threshold + 0.2, 0.9), most=30)
    assert np.allclose(fewer.corners, found.corners[: len(fewer)])


def test_nothing_gives_nothing() -> None:
    assert len(decode(_output([]), 0.01)) == 0
    assert decode(_output([]), 0.01).corners.shape == (0, 4, 2)


def test_plates_at_the_edge_use_the_cells_that_are_there() -> None:
    plate = _plate(3, 3, 30, 0.1)
    found = decode(_output([(plate, 3.0, 4.0)]), 0.3)
    assert np.abs(found.corners[0] - plate).max() < 0.01 and found.two_rows[0] > 0.9


def test_of_thousands_of_peaks_a_bounded_number_is_looked_at() -> None:
    output = np.zeros((CHANNELS, 104, 104), np.float32)
    output[SCORE, ::2, ::2] = 5
    found = decode(output, 0.1)
    assert len(found) <= 48


def test_of_overlapping_plates_the_surest_is_left() -> None:
    corners = np.stack([_plate(50, 50, 40, 0), _plate(53, 51, 40, 0), _plate(100, 50, 40, 0)])
    assert surviving(corners, 0.3).tolist() == [0, 2]
    # One that overlaps only what was dropped stays.
    chain = np.stack([_plate(50, 50, 40, 0), _plate(70, 50, 40, 0), _plate(90, 50, 40, 0)])
    assert surviving(chain, 0.3).tolist() == [0, 2]


def test_intersection_over_union() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert intersection_over_union(a, b)[0] == pytest.approx([1, 1 / 3, 0])


COORDINATES = st.tuples(st.floats(4, 124), st.floats(4, 60))


@given(st.tuples(*[COORDINATES] * 4), st.integers(-4, 4), st.integers(-4, 4))
@settings(max_examples=40, deadline=None)
def test_corners_are_the_middles_of_heatmaps(
    corners: tuple[tuple[float, float], ...], plate: int, rows: int
) -> None:
    y, x = (np.mgrid[:16, :32] + 0.5) * 4
    output = np.zeros((VIEW_CHANNELS, 16, 32), np.float32)
    for k, (u, v) in enumerate(corners):
        output[k] = 7 - (np.square(x - u) + np.square(y - v)) / (2 * 4**2)
    output[VIEW_SCORE] = plate + np.linspace(-1, 1, 32)
    output[VIEW_ROWS] = rows
    seen = decode_view(output)
    # Heatmaps are cut off at the view's edges.
    far = [min(u - 4, 124 - u, v - 4, 60 - v) > 9 for u, v in corners]
    assert np.abs(seen.corners - np.array(corners))[far].max(initial=0) < 0.2
    assert seen.logit == pytest.approx(plate, abs=1e-4) and seen.rows_logit == pytest.approx(rows, abs=1e-4)


def test_a_flat_heatmap_says_the_middle_of_the_view() -> None:
    assert decode_view(np.full((VIEW_CHANNELS, 16, 32), 80, np.float32)).corners == pytest.approx(
        np.full((4, 2), [64, 32])
    )
