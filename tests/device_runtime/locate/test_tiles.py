from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.errors import FatalError
from device_runtime.locate.geometry import AREA, ENLARGED
from device_runtime.locate.tiles import SMALLEST, Tile, tiles, wanted_scale


def _scale(tile: Tile) -> float:
    return min(tile.fit.scale)


@given(st.integers(100, 4000), st.integers(100, 4000), st.integers(20, 400))
@settings(max_examples=80, deadline=None)
def test_a_plate_is_whole_in_a_tile_that_shows_it_large_enough(
    width: int, height: int, narrowest: int
) -> None:
    """Of any width from the narrowest on, anywhere in the frame."""
    looks = tiles(width, height, AREA, wanted_scale(width, height, None, narrowest))
    assert all(tile.fit.width * tile.fit.height <= AREA for tile in looks)
    rng = np.random.default_rng(width)
    for _ in range(20):
        w = rng.uniform(narrowest, max(width / 2, narrowest + 1))
        h = w / 3
        if w > width - 2 or h > height - 2:
            continue
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        shown = [
            _scale(tile) * w
            for tile in looks
            if tile.x <= x and x + w <= tile.x + tile.width and tile.y <= y and y + h <= tile.y + tile.height
        ]
        assert max(shown) >= SMALLEST * 0.95


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_one_look_is_enough_by_default(width: int, height: int) -> None:
    (tile,) = tiles(width, height, AREA, 0)
    assert tile.whole and (tile.width, tile.height) == (width, height)


def test_what_is_asked_for_decides_the_scale() -> None:
    assert wanted_scale(1920, 1080, None, 40) == 0.5
    assert wanted_scale(1920, 1080, None, 1) == ENLARGED
    assert wanted_scale(1920, 1080, 640, None) == pytest.approx(
        2 * wanted_scale(1920, 1080, 320, None), rel=0.1
    )
    assert wanted_scale(1920, 1080, 640, 40) == 0.5
    assert wanted_scale(640, 480, None, None) == 0


def test_the_number_of_looks_grows_with_the_area() -> None:
    counts = [len(tiles(1920, 1080, AREA, wanted_scale(1920, 1080, None, w))) for w in (120, 60, 30, 15)]
    assert counts[0] == 1 and counts == sorted(counts) and counts[-1] < 80


@pytest.mark.parametrize(("width", "height"), [(60, 4000), (4000, 40), (130, 3000), (3000, 70)])
@pytest.mark.parametrize("side", [64, 96, 160, 320])
def test_tiles_of_narrow_frames_and_small_areas_have_their_scale(width: int, height: int, side: int) -> None:
    scale = wanted_scale(width, height, None, 30)
    looks = tiles(width, height, side**2, scale)
    assert max(map(_scale, looks)) >= 0.97 * scale


def test_too_many_looks_are_one_line() -> None:
    with pytest.raises(FatalError, match="would take more than 4096 looks at a frame of 8000×8000"):
        tiles(8000, 8000, AREA, 4)
