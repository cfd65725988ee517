import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.locate.geometry import (
    AREA,
    GREY,
    GRID,
    VIEW_HEIGHT,
    VIEW_PLATE,
    VIEW_SQUARISH,
    VIEW_WIDTH,
    Floats,
    cut_view,
    fit,
    height_of,
    is_cut,
    plate_in_view,
    transform,
    view_matrix,
    width_of,
)
from device_runtime.locate.letterbox import letterbox


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_a_frame_of_any_size_fits(width: int, height: int) -> None:
    to = fit(width, height)
    assert to.width % GRID == 0 and to.height % GRID == 0 and 0 < to.width * to.height <= AREA
    assert 0 < to.size[0] <= to.width and 0 < to.size[1] <= to.height


@pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (720, 1160), (1000, 1000), (480, 360)])
def test_usual_frames_use_most_of_the_area(size: tuple[int, int]) -> None:
    to = fit(*size)
    assert to.size[0] * to.size[1] > 0.8 * AREA
    assert to.scale[0] == pytest.approx(to.scale[1], rel=0.01)


def test_wide_frames_come_out_larger_than_by_their_long_side() -> None:
    assert fit(1920, 1080).scale[0] > 1.2 * 320 / 1920


def test_letterboxing_scales_and_pads() -> None:
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[:, 960:] = 200
    to = fit(1920, 1080)
    image = letterbox(frame, to)
    assert image.shape == (to.height, to.width, 3)
    middle = to.size[0] // 2
    assert image[0, middle - 2].tolist() == [0, 0, 0] and image[0, middle + 2].tolist() == [200, 200, 200]
    assert to.size != (to.width, to.height) and (image[:, to.size[0] :] == GREY).all()


def _rectangle(size: tuple[int, int]) -> Floats:
    """Where a plate of that size lies in its view."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size) / 2
    return (corners + np.array([VIEW_WIDTH, VIEW_HEIGHT]) / 2).astype(np.float32)


def _quadrilateral(width: float, height: float, seed: int) -> Floats:
    """A plate seen from somewhere: turned, sheared and in perspective, near (500, 400)."""
    rng = np.random.default_rng(seed)
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    corners = corners * rng.uniform(0.9, 1.1, (4, 2))
    angle = rng.uniform(-0.35, 0.35)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (corners @ turn + np.array([500, 400])).astype(np.float32)


@given(st.integers(12, 500), st.booleans(), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_a_view_shows_the_plate_as_a_rectangle_in_its_middle(width: int, long: bool, seed: int) -> None:
    corners = _quadrilateral(width, width / (3.2 if long else 1.6), seed)
    matrix = view_matrix(corners)
    size = plate_in_view(corners)
    assert size == (VIEW_PLATE if long else VIEW_SQUARISH)
    assert np.abs(transform(_rectangle(size), matrix) - corners).max() < 0.01
    seen = transform(corners, np.linalg.inv(matrix).astype(np.float64))
    assert np.abs(seen - _rectangle(size)).max() < 0.05


@pytest.mark.parametrize("width", [20, 60, 150, 500])
def test_a_view_shows_what_its_matrix_says(width: int) -> None:
    """A white plate's brightness has its middle where the matrix takes the plate's middle to."""
    frame = np.zeros((700, 1000, 3), np.uint8)
    corners = _quadrilateral(width, width / 3, width)
    cv2.fillConvexPoly(frame, np.round((corners - 0.5) * 256).astype(int), (255, 255, 255), cv2.LINE_AA, 8)
    shifted = corners + np.array([width / 12, width / 20], np.float32)
    matrix = view_matrix(shifted)
    light = cut_view(frame, matrix)[:, :, 0].astype(np.float64)
    y, x = np.mgrid[:VIEW_HEIGHT, :VIEW_WIDTH] + 0.5
    seen = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    expected = cv2.moments(transform(corners, np.linalg.inv(matrix).astype(np.float64)))
    middle = np.array([expected["m10"], expected["m01"]]) / expected["m00"]
    assert np.abs(seen - middle).max() < 0.2 + 7 / width
    # A drawn outline is half a pixel wider than the polygon.
    assert light.sum() / 255 == pytest.approx(expected["m00"], rel=0.05 + 5 / width)


def test_a_view_of_a_fine_frame_passes_no_pixel_over() -> None:
    """Stripes much finer than the view come out as their mean."""
    frame = np.zeros((1000, 2000, 3), np.uint8)
    frame[:, ::2] = 200
    corners = np.array([[500, 400], [1340, 400], [1340, 680], [500, 680]], np.float32)
    view = cut_view(frame, view_matrix(corners))
    assert np.abs(view.astype(int) - 100).max() <= 1


def test_a_view_beyond_the_frame_is_grey() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    corners = np.array([[90, 40], [110, 40], [110, 47], [90, 47]], np.float32)
    view = cut_view(frame, view_matrix(corners))
    assert (view[:, -60:] == GREY).all() and (view[:, :60] == 0).all()
    assert (cut_view(frame, view_matrix(corners + 1000)) == GREY).all()


@pytest.mark.parametrize(
    "corners",
    [
        [[50, 50]] * 4,
        [[40, 40], [60, 60], [60, 40], [40, 60]],  # crossed
        [[60, 60], [40, 60], [40, 50], [60, 50]],  # on its head
        [[40, 40], [40, 80], [30, 80], [30, 40]],  # on its side
        [[40, 40], [60, 40], [50, 41], [49, 41]],  # its horizon is near
        [[60, 40], [40, 40], [40, 50], [60, 50]],  # mirrored
        [[40, 40], [60, 40], [44, 42], [40, 50]],  # not convex
        [[-4e4, 0], [4e4, 0], [4e4, 9], [-4e4, 9]],
    ],
)
def test_whatever_a_candidate_looks_like_there_is_a_view(corners: list[list[float]]) -> None:
    quadrilateral = np.array(corners, np.float32)
    matrix = view_matrix(quadrilateral)
    middle = transform(np.array([VIEW_WIDTH / 2, VIEW_HEIGHT / 2], np.float32), matrix)
    assert np.abs(middle - quadrilateral.mean(0)).max() < 10
    edges = transform(_rectangle((VIEW_WIDTH, VIEW_HEIGHT)), matrix)
    assert np.isfinite(edges).all() and width_of(edges) > 1 and height_of(edges) > 1
    along = edges[1] - edges[0]
    assert cv2.contourArea(edges, oriented=True) > 0 and along[0] >= abs(along[1])
    frame = np.zeros((100, 100, 3), np.uint8)
    assert cut_view(frame, matrix).shape == (VIEW_HEIGHT, VIEW_WIDTH, 3)


@pytest.mark.parametrize(
    ("x", "y", "cut"),
    [
        (100, 100, False),
        (1, 100, True),
        (2, 100, False),
        (-60, 100, True),
        (539, 100, True),
        (538, 100, False),
        (100, 0.5, True),
        (100, 1, False),
        (100, 449.5, True),
        (100, 449, False),
        (100, 600, True),
    ],
)
def test_a_plate_that_touches_the_frames_edge_may_be_cut(x: float, y: float, cut: bool) -> None:
    """Frame of 640 × 480, plate of 100 × 30."""
    corners = np.array([[x, y], [x + 100, y], [x + 100, y + 30], [x, y + 30]], np.float32)
    assert is_cut(corners, 640, 480) == cut
