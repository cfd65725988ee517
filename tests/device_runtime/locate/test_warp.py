from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.locate.warp import BITS, STEPS, Homography, numbers, warp
from device_runtime.sources.image import Image

RNG = np.random.default_rng(0)
PICTURE: Image = RNG.integers(0, 256, (90, 130, 3), np.uint8)


def homography(seed: int) -> Homography:
    """One in which a result of 60 × 40 px shows `PICTURE` and what is beside it, from somewhere."""
    rng = np.random.default_rng(seed)
    a, e = rng.uniform(0.5, 2.5, 2).tolist()
    b, d = rng.uniform(-0.6, 0.6, 2).tolist()
    c, f = rng.uniform(-30, 60, 2).tolist()
    g, h = rng.uniform(-4e-3, 4e-3, 2).tolist()
    return a, b, c, d, e, f, g, h, 1.0


def in_floats(picture: Image, by: Homography, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, unrounded; the picture's edge goes on."""
    matrix = np.array(by).reshape(3, 3)
    v, u = np.mgrid[: size[1], : size[0]].astype(float)
    x, y, w = np.einsum("ij,jvu->ivu", matrix, np.stack([u, v, np.ones_like(u)]))
    x, y = np.clip(x / w, 0, picture.shape[1] - 1), np.clip(y / w, 0, picture.shape[0] - 1)
    left, top = (
        np.minimum(x.astype(int), picture.shape[1] - 2),
        np.minimum(y.astype(int), picture.shape[0] - 2),
    )
    x, y = (x - left)[..., None], (y - top)[..., None]
    values = picture.astype(float)
    upper = values[top, left] * (1 - x) + values[top, left + 1] * x
    lower = values[top + 1, left] * (1 - x) + values[top + 1, left + 1] * x
    return np.asarray(upper * (1 - y) + lower * y)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_pixels_are_within_a_step_of_where_the_homography_says(seed: int) -> None:
    smooth = np.asarray(cv2.GaussianBlur(PICTURE, (0, 0), 4), np.uint8)
    size = (60, 40)
    exact = in_floats(smooth, homography(seed), size)
    steepest = max(np.abs(np.diff(smooth.astype(int), axis=axis)).max() for axis in (0, 1))
    seen = warp(smooth, homography(seed), size)
    assert np.abs(seen - exact).max() <= 0.5 + 2 * steepest / STEPS


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_sums_fit_and_use_their_bits(seed: int) -> None:
    (a, b, c, d, e, f, g, h, i, beside), scale = numbers(homography(seed), (60, 40), None)
    assert beside == -1
    sums = [
        [p * u + q * v + r for u in (0, 59) for v in (0, 39)] for p, q, r in ((a, b, c), (d, e, f), (g, h, i))
    ]
    for some in (sums[0] + sums[1], sums[2]):
        assert 1 << (BITS - 2) < max(map(abs, some)) < 1 << (BITS + 1)
    assert scale == 2.0 ** round(np.log2(scale))


def test_what_is_beside_the_picture_is_told_apart() -> None:
    shift: Homography = (1.0, 0.0, -10.0, 0.0, 1.0, -5.0, 0.0, 0.0, 1.0)
    seen = warp(PICTURE, shift, (150, 100), 114)
    assert (seen[:5] == 114).all() and (seen[:, :10] == 114).all()
    assert (seen[95:] == 114).all() and (seen[:, 140:] == 114).all()
    assert np.array_equal(seen[5:95, 10:140], PICTURE)
    seen = warp(PICTURE, shift, (150, 100))
    assert (seen[:6, 10:140] == PICTURE[0]).all() and (seen[5:95, 139:] == PICTURE[:, 129:]).all()


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_places_far_away_are_beside_the_picture(far: float) -> None:
    assert (warp(PICTURE, (far, 0.0, far, 0.0, far, far, 0.0, 0.0, 1.0), (30, 20), 9) == 9).all()
