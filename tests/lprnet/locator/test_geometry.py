import cv2
import numpy as np
import pytest

from lprnet.locator.geometry import (
    GREY,
    VIEW_HEIGHT,
    VIEW_PLATE,
    VIEW_WIDTH,
    cut_view,
    inverse,
    transform,
    view_matrix,
)
from lprnet.scenes.placing import stamp, tilted
from lprnet.scenes.scene import height_of, width_of


def test_views_show_the_plate_upright_in_the_middle() -> None:
    for seed in range(20):
        corners = tilted(np.random.default_rng(seed), 300, 90) + np.array([500, 400], np.float32)
        matrix = view_matrix(corners)
        seen = transform(corners, matrix)
        assert np.allclose(seen.mean(0), [VIEW_WIDTH / 2, VIEW_HEIGHT / 2], atol=1e-2)
        along = seen[1] - seen[0] + seen[2] - seen[3]
        assert abs(along[1] / along[0]) < 1e-3
        fills = width_of(seen) / VIEW_PLATE[0], height_of(seen) / VIEW_PLATE[1]
        assert max(fills) == pytest.approx(1, rel=1e-3)
        assert np.allclose(transform(seen, inverse(matrix)), corners, atol=1e-2)


@pytest.mark.parametrize("width", [20, 60, 150, 500])
def test_a_view_shows_what_its_matrix_says(width: int) -> None:
    """A white plate's brightness has its middle where the matrix takes the plate's middle to."""
    frame = np.zeros((700, 1000, 3), np.uint8)
    corners = tilted(np.random.default_rng(width), width, width / 3) + np.array([480.3, 340.7], np.float32)
    stamp(frame, np.full((100, 300, 3), 255, np.uint8), corners)
    matrix = view_matrix(corners + np.array([width / 12, width / 20], np.float32))
    light = cut_view(frame, matrix)[:, :, 0].astype(np.float64)
    y, x = np.mgrid[:VIEW_HEIGHT, :VIEW_WIDTH] + 0.5
    seen = np.array([(x * light).sum(), (y * light).sum()]) / light.sum()
    turned = transform(corners, matrix)
    m = cv2.moments(turned)
    assert np.abs(seen - np.array([m["m10"], m["m01"]]) / m["m00"]).max() < 0.35
    assert light.sum() / 255 == pytest.approx(m["m00"], rel=0.06)


def test_a_view_beyond_the_frame_is_grey() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    corners = np.array([[90, 40], [110, 40], [110, 50], [90, 50]], np.float32)
    view = cut_view(frame, view_matrix(corners))
    assert (view[:, -60:] == GREY).all() and (view[:, :60] == 0).all()
    assert (cut_view(frame, view_matrix(corners + 1000)) == GREY).all()
    assert cut_view(frame, view_matrix(np.zeros((4, 2), np.float32) + 50)).shape == (
        VIEW_HEIGHT,
        VIEW_WIDTH,
        3,
    )
