from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from device_runtime.locate.rectify import (
    UPPER,
    Margin,
    join,
    rectify,
    row_bounds,
    rows_apart,
    seen_from_front,
)
from device_runtime.sources.image import Image

TIGHT = Margin(0, 0)


def box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int) -> Image:
    """A picture whose pixels are much like their neighbours."""
    return np.asarray(cv2.GaussianBlur(noise(height, width), (0, 0), 6), np.uint8)


def test_an_upright_plate_of_the_crop_s_size_is_cut_out_as_it_is() -> None:
    frame = noise(60, 200)
    assert np.array_equal(rectify(frame, box(40, 20, 134, 44), margin=TIGHT), frame[20:44, 40:134])


@pytest.mark.parametrize("factor", [2, 5])
def test_pixels_of_a_fine_plate_are_means(factor: int) -> None:
    frame = noise(40 * factor, 120 * factor)
    crop = rectify(frame, box(10, 8, 104, 32) * factor, margin=TIGHT)
    means = frame.reshape(40, factor, 120, factor, 3).mean((1, 3))[8:32, 10:104]
    assert np.abs(crop - means).max() <= 1


def test_a_margin_shows_what_is_around_the_plate() -> None:
    frame = np.zeros((100, 300, 3), np.uint8)
    frame[30:60, 100:200] = 255
    crop = rectify(frame, box(100, 30, 200, 60), margin=Margin(0.05, 0.1))
    bright = crop[:, :, 0] > 127
    assert np.flatnonzero(bright[12])[[0, -1]].tolist() == [4, 89]
    assert np.flatnonzero(bright[:, 47])[[0, -1]].tolist() == [2, 21]


@pytest.mark.parametrize("degrees", [-35, 10, 90, 180])
def test_a_turned_plate_comes_out_upright(degrees: float) -> None:
    frame = smooth(200, 300)
    corners = box(90, 80, 184, 104)
    wanted = rectify(frame, corners)
    turn = cv2.getRotationMatrix2D((149.5, 99.5), degrees, 1)
    turned = np.asarray(cv2.warpAffine(frame, turn, (300, 200), flags=cv2.INTER_CUBIC), np.uint8)
    # A point (x, y) is at (x - 0.5, y - 0.5) in OpenCV's coordinates.
    moved = (corners - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    crop = rectify(turned, moved.astype(np.float32))
    assert np.abs(crop.astype(int) - wanted).mean() < 2


def test_beyond_the_frame_its_edge_goes_on() -> None:
    frame = np.full((50, 100, 3), 80, np.uint8)
    assert np.all(rectify(frame, box(60, 20, 154, 44)) == 80)


@pytest.mark.parametrize(
    "corners",
    [box(500, 20, 600, 44), np.full((4, 2), 30, np.float32), np.full((4, 2), np.nan, np.float32)],
)
def test_what_is_no_plate_at_all_still_gives_a_crop(corners: NDArray[np.float32]) -> None:
    for rows in (1, 2):
        assert rectify(noise(50, 100), corners, rows).shape == (24, 94, 3)


def two_rows(gap: tuple[int, int], upper: tuple[int, int]) -> Image:
    """A plate, 440 × 220, with bars for characters: rows part within *gap*, the upper one is in *upper*."""
    plate = np.full((220, 440, 3), 200, np.uint8)
    plate[15 : gap[0], upper[0] : upper[1] : 20] = 20
    plate[15 : gap[0], upper[0] + 1 : upper[1] : 20] = 20
    plate[gap[1] : 205, 30:410:20] = 20
    plate[gap[1] : 205, 31:410:20] = 20
    return plate


def test_rows_part_where_there_are_no_characters() -> None:
    cut, left, right = row_bounds(two_rows((75, 90), (110, 330)))
    assert 75 <= cut <= 90
    assert (left, right) == (97, 343)
    cut, left, right = row_bounds(two_rows((100, 118), (20, 420)))
    assert 100 <= cut <= 118
    assert (left, right) == (0, 440)


def test_two_rows_are_joined() -> None:
    plate = np.full((220, 440, 3), 200, np.uint8)
    plate[15:75, 110:330:4] = (0, 0, 255)
    plate[90:205, 30:410:4] = (255, 0, 0)
    crop = join(plate, (94, 24))
    edge = round(94 * UPPER)
    assert crop.shape == (24, 94, 3)
    assert crop[12, :edge, 2].mean() > crop[12, :edge, 0].mean() + 20
    assert crop[12, edge:, 0].mean() > crop[12, edge:, 2].mean() + 20
    frame = np.full((400, 600, 3), 90, np.uint8)
    frame[100:320, 100:540] = plate
    whole = rectify(frame, box(100, 100, 540, 320), rows=2, margin=TIGHT)
    assert np.abs(whole.astype(int) - crop).mean() < 8


def test_rows_are_cut_apart_and_keep_their_proportions() -> None:
    plate = np.full((220, 440, 3), 200, np.uint8)
    plate[15:100, 60:380:4] = (0, 0, 255)
    plate[120:205, 30:410:4] = (255, 0, 0)
    frame = np.full((400, 600, 3), 90, np.uint8)
    frame[100:320, 100:540] = plate
    upper, lower = rows_apart(frame, box(100, 100, 540, 320), margin=TIGHT)
    assert upper.shape == lower.shape == (24, 94, 3)
    assert upper[12, 15:80, 2].mean() > upper[12, 15:80, 0].mean() + 20
    assert lower[12, 10:84, 0].mean() > lower[12, 10:84, 2].mean() + 20


def test_the_crop_is_of_the_size_that_is_asked_for() -> None:
    assert seen_from_front(noise(50, 100), box(10, 10, 90, 40), (128, 64)).shape == (64, 128, 3)
