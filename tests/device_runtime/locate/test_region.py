from __future__ import annotations

import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.region import Region


def test_a_rectangle_is_a_part_of_the_frame() -> None:
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    region = Region.parse("2,1,5,3")
    assert region.is_rectangle and region.box == (2, 1, 5, 3)
    part = region.within(image)
    assert np.array_equal(part, image[1:4, 2:7]) and np.shares_memory(part, image)


@pytest.mark.parametrize("text", ["4,0,5,1", "0,4,1,3", "0,0,9,0,9,9"])
def test_what_is_not_within_the_frame_is_one_line(text: str) -> None:
    with pytest.raises(FatalError, match=f"--roi {text}: is not within the frame of 8×6"):
        Region.parse(text).within(np.zeros((6, 8, 3), np.uint8))


def test_a_polygon_contains_what_is_between_its_edges() -> None:
    region = Region.parse("0,0,100,0,100,100")
    assert not region.is_rectangle and region.box == (0, 0, 100, 100)
    assert region.contains(80, 20) and region.contains(50, 50)
    assert not region.contains(20, 80) and not region.contains(101, 20)
    # Four corners make a polygon, too.
    assert not Region.parse("0,0,10,0,10,10,0,10").is_rectangle


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3", "is not X,Y,W,H or X1,Y1"),
        ("1,2,3,4,5", "is not X,Y,W,H"),
        ("1,2,3,4,5,6,7", "is not X,Y,W,H"),
        ("a,b,c,d", "is not X,Y,W,H"),
        ("", "is not X,Y,W,H"),
        ("1,2,3,0", "is no region"),
        ("-1,2,3,4", "is no region"),
        ("0,0,5,5,10,10", "is no region"),
        ("0,0,5,0,99999999,9", "is no region"),
    ],
)
def test_what_is_no_region_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Region.parse(text)
