import cv2
import numpy as np
import pytest

from lprnet.scenes.placing import blend, stamp, tilted
from lprnet.scenes.scene import floats, height_of, width_of


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


def _crossing(canvas: np.ndarray, point: np.ndarray, normal: np.ndarray) -> float:
    """How far along *normal* from *point* the picture turns from white to black, px."""
    steps = np.arange(-4, 4, 0.05) + 0.025
    along = point + steps[:, None] * normal
    # `cv2.remap` counts from the centre of the first pixel.
    x, y = (np.float32(along[None, :, k] - 0.5) for k in range(2))
    light = cv2.remap(canvas[:, :, 0], x, y, cv2.INTER_LINEAR)[0].astype(np.float64) / 255
    return float(light.sum() * 0.05 - 4)


@pytest.mark.parametrize("border", [0, 7])
@pytest.mark.parametrize("width", [16, 40, 90, 170])
def test_all_four_edges_are_where_the_corners_say(width: int, border: int) -> None:
    """Edges of a white plate, in a black holder or none, to a fraction of a pixel."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        canvas = np.zeros((256, 256, 3), np.uint8)
        corners = tilted(rng, width, width / 2) + rng.uniform(118, 138, 2).astype(np.float32)
        face = np.zeros((80 + 2 * border, 160 + 2 * border, 3), np.uint8)
        face[border : 80 + border, border : 160 + border] = 255
        stamp(canvas, face, corners, border)
        for k in range(4):
            start, end = corners[k].astype(np.float64), corners[(k + 1) % 4].astype(np.float64)
            edge = (end - start) / np.linalg.norm(end - start)
            outwards = np.array([edge[1], -edge[0]])
            off = [_crossing(canvas, start + (end - start) * t, outwards) for t in (0.35, 0.5, 0.65)]
            assert abs(float(np.mean(off))) < 0.12, (seed, k, off)


def test_what_stands_on_a_plate_goes_where_the_homography_takes_it() -> None:
    face = np.zeros((80, 160, 3), np.uint8)
    face[:, :48] = 255
    for seed in range(4):
        rng = np.random.default_rng(seed)
        canvas = np.zeros((256, 256, 3), np.uint8)
        corners = tilted(rng, 120, 60) + floats([128, 128])
        stamp(canvas, face, corners)
        square = floats([[0, 0], [160, 0], [160, 80], [0, 80]])
        matrix = cv2.getPerspectiveTransform(square, corners)
        top, bottom = cv2.perspectiveTransform(floats([[[48, 30], [48, 50]]]), matrix)[0].astype(np.float64)
        edge = (bottom - top) / np.linalg.norm(bottom - top)
        assert abs(_crossing(canvas, (top + bottom) / 2, np.array([edge[1], -edge[0]]))) < 0.2


def test_a_cover_lets_the_background_through() -> None:
    canvas = np.full((40, 60, 3), 50, np.uint8)
    cover = np.zeros((20, 40), np.uint8)
    cover[:, 20:] = 255
    corners = floats([[10, 10], [50, 10], [50, 30], [10, 30]])
    stamp(canvas, np.full((20, 40, 3), 200, np.uint8), corners, cover=cover)
    assert (canvas[12:28, 12:28] == 50).all() and (canvas[12:28, 32:48] == 200).all()
