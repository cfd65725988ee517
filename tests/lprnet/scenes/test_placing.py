import cv2
import numpy as np
import pytest

from lprnet.scenes.placing import blend, stamp, tilted
from lprnet.scenes.scene import height_of, width_of


@pytest.mark.parametrize("width", [12, 30, 80, 180])
def test_a_plate_is_drawn_exactly_where_its_corners_are(width: int) -> None:
    """By moments: a white plate's brightness sums to the area of its corners, around their middle."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        canvas = np.zeros((256, 256, 3), np.uint8)
        corners = tilted(rng, width, width / 3) + rng.uniform(118, 138, 2).astype(np.float32)
        stamp(canvas, np.full((70, 210, 3), 255, np.uint8), corners)
        light = canvas[:, :, 0].astype(np.float64) / 255
        area = cv2.contourArea(corners)
        assert light.sum() == pytest.approx(area, rel=0.03, abs=1)
        y, x = np.mgrid[:256, :256] + 0.5
        moments = cv2.moments(corners)
        middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
        seen = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
        assert np.abs(seen - middle).max() < 0.12


@pytest.mark.parametrize("border", [0, 9])
def test_the_top_left_of_the_face_comes_to_the_first_corner(border: int) -> None:
    """Every corner of the face has its own colour; the border belongs outside the corners."""
    face = np.zeros((60 + 2 * border, 180 + 2 * border, 3), np.uint8)
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    for (y, x), color in zip([(0, 0), (0, 90), (30, 90), (30, 0)], colors, strict=True):
        face[border + y : border + y + 30, border + x : border + x + 90] = color
    canvas = np.zeros((200, 300, 3), np.uint8)
    corners = tilted(np.random.default_rng(3), 150, 50) + np.array([150, 100], np.float32)
    stamp(canvas, face, corners, border)
    middle = corners.mean(0)
    for corner, color in zip(corners, colors, strict=True):
        x, y = np.floor(corner + 0.2 * (middle - corner)).astype(int)
        assert np.abs(canvas[y, x].astype(int) - color).max() < 30


def test_what_falls_outside_is_cut_off() -> None:
    canvas = np.zeros((40, 40, 3), np.uint8)
    face = np.full((20, 60, 3), 255, np.uint8)
    corners = np.array([[-20, -5], [20, -5], [20, 10], [-20, 10]], np.float32)
    stamp(canvas, face, corners)
    assert canvas[:9, :19].min() > 200 and canvas[12:].max() == 0 and canvas[:, 22:].max() == 0
    before = canvas.copy()
    stamp(canvas, face, corners + 500)
    assert np.array_equal(canvas, before)


def test_tilting_keeps_the_width_and_the_order_of_corners() -> None:
    for seed in range(50):
        corners = tilted(np.random.default_rng(seed), 90, 30)
        assert width_of(corners) == pytest.approx(90, rel=1e-3)
        assert 8 < height_of(corners) < 60
        assert cv2.contourArea(corners, oriented=True) > 0 and cv2.isContourConvex(corners)
        assert corners[0, 0] < corners[1, 0] and corners[3, 0] < corners[2, 0]
    upright = tilted(np.random.default_rng(1), 90, 30, 0)
    assert np.allclose(upright, [[-45, -15], [45, -15], [45, 15], [-45, 15]], atol=1e-3)


def test_blending_leaves_what_is_not_covered() -> None:
    place = np.full((1, 3, 3), 100, np.uint8)
    blend(place, np.full((1, 3, 3), 200, np.uint8), np.array([[0, 128, 255]], np.uint8))
    assert place[0, :, 0].tolist() == [100, 150, 200]
