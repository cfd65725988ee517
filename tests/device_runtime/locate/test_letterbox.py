from __future__ import annotations

import cv2
import numpy as np
import pytest

from device_runtime.locate.geometry import GREY, Fit, fit
from device_runtime.locate.letterbox import MOST, TOTAL, at_least_two, axis, letterbox

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (101, 67), (2000, 17)])
def test_frames_are_scaled_as_opencv_scales_them(size: tuple[int, int]) -> None:
    width, height = size
    to = fit(width, height)
    for frame in (
        RNG.integers(0, 256, (height, width, 3), np.uint8),
        cv2.resize(RNG.integers(0, 256, (8, 8, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC),
    ):
        scaled = letterbox(frame, to)[: to.size[1], : to.size[0]].astype(int)
        method = cv2.INTER_AREA if min(to.scale) < 1 else cv2.INTER_LINEAR
        assert np.abs(scaled - cv2.resize(frame, to.size, interpolation=method)).max() <= 2


def test_beside_the_frame_all_is_grey() -> None:
    to = Fit(96, 64, (80, 45), (0.5, 0.5))
    image = letterbox(np.full((90, 160, 3), 200, np.uint8), to)
    assert image.shape == (64, 96, 3)
    assert (image[:45, :80] == 200).all()
    assert (image[45:] == GREY).all()
    assert (image[:, 80:] == GREY).all()


@pytest.mark.parametrize(
    "sizes", [(1080, 224), (4320, 224), (225, 224), (224, 224), (100, 224), (2, 9), (7, 1)]
)
def test_weights_add_up(sizes: tuple[int, int]) -> None:
    made = axis(*sizes)
    assert (made.weights.sum(1, dtype=int) == TOTAL).all()
    assert made.weights.max() <= MOST
    assert made.start.min() >= 0
    assert made.start.max() + made.weights.shape[1] <= sizes[0]


def test_a_single_row_or_column_is_repeated() -> None:
    frame = RNG.integers(0, 256, (1, 40, 3), np.uint8)
    assert at_least_two(frame).shape == (2, 40, 3)
    to = Fit(32, 32, (20, 1), (0.5, 1.0))
    scaled = letterbox(frame, to)[0, :20].astype(int)
    assert np.abs(scaled - frame.reshape(20, 2, 3).mean(1)).max() <= 1


def test_rows_that_lie_apart_are_brought_together() -> None:
    frame = RNG.integers(0, 256, (60, 80, 3), np.uint8)
    to = Fit(32, 32, (32, 24), (0.5, 0.5))
    part = frame[5:53, 3:67]
    assert (letterbox(part, to) == letterbox(part.copy(), to)).all()
