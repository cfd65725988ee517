import cv2
import numpy as np
import pytest

from lprnet.scenes.car import Plane, draw_badge, draw_car, draw_lamp, rounded
from lprnet.scenes.placing import tilted
from lprnet.scenes.scene import floats


def _plane(canvas: np.ndarray) -> Plane:
    return Plane(canvas, floats([100, 60]), floats([40, 4]), floats([-4, 40]))


@pytest.mark.parametrize("without", [False, True])
@pytest.mark.parametrize("width", [3, 14, 60, 400])
def test_a_car_of_any_size_is_drawn_around_a_plate(width: int, without: bool) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        canvas = np.full((200, 300, 3), 7, np.uint8)
        corners = tilted(rng, width, width * rng.choice([0.25, 0.5])) + floats([150, 100])
        draw_car(rng, canvas, corners, without)
        assert (canvas[95:105, 145:155] != 7).any()
    assert width > 20 or (canvas[:, :20] == 7).all()


def test_nothing_is_drawn_around_a_plate_that_nobody_sees() -> None:
    canvas = np.full((20, 30, 3), 7, np.uint8)
    for width in (0.0, 0.02, 1.5):
        square = floats([[0.0, 0.0], [1.0, 0.0], [1.0, 0.3], [0.0, 0.3]])
        draw_car(np.random.default_rng(1), canvas, square * np.float32(width) + 10)
    assert (canvas == 7).all()


def test_the_same_random_numbers_draw_the_same_car() -> None:
    pictures = []
    for _ in range(2):
        canvas = np.zeros((200, 300, 3), np.uint8)
        rng = np.random.default_rng(3)
        draw_car(rng, canvas, tilted(rng, 60, 20) + floats([150, 100]))
        pictures.append(canvas)
    assert np.array_equal(pictures[0], pictures[1])


def test_polygons_lie_where_their_points_are() -> None:
    """By moments: a white rectangle's brightness sums to its area, around its middle."""
    canvas = np.zeros((120, 200, 3), np.uint8)
    plane = _plane(canvas)
    plane.box(-1, -0.5, 0.6, 0.3, floats([255, 255, 255]))
    light = canvas[:, :, 0].astype(np.float64) / 255
    corners = plane.at([[-1, -0.5], [0.6, -0.5], [0.6, 0.3], [-1, 0.3]])
    y, x = np.mgrid[:120, :200] + 0.5
    seen = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    assert np.abs(seen - corners.mean(0)).max() < 0.4
    # OpenCV's edges are soft to one side: good enough for cars, not for plates.
    assert light.sum() == pytest.approx(cv2.contourArea(corners), rel=0.08)


def test_a_lamp_has_a_mirror_image_unless_alone() -> None:
    for alone in (False, True):
        canvas = np.zeros((120, 200, 3), np.uint8)
        plane = Plane(canvas, floats([100, 60]), floats([40, 0]), floats([0, 40]))
        draw_lamp(np.random.default_rng(2), plane, (1, -0.3, 1.6, 0.2), True, alone)
        assert canvas[:, 140:164].any() and bool(canvas[:, 36:60].any()) != alone


def test_badges_too_small_to_see_are_left_out() -> None:
    canvas = np.zeros((120, 200, 3), np.uint8)
    draw_badge(np.random.default_rng(1), _plane(canvas), 0, 0, 0.05)
    assert not canvas.any()
    draw_badge(np.random.default_rng(1), _plane(canvas), 0, 0, 0.5)
    assert canvas.any()


def test_a_superellipse_fills_its_box() -> None:
    for power in (2, 4, 30):
        points = rounded(-2, 1, 4, 3, power, 64)
        assert np.allclose([points.min(0), points.max(0)], [[-2, 1], [4, 3]], atol=0.02)
