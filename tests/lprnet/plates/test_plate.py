from __future__ import annotations

import numpy as np
import pytest

from lprnet.plates import render
from lprnet.plates.plate import SCALE, random_plate
from lprnet.plates.series import BAND


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("blue", (440, 140)),
        ("green-small", (480, 140)),
        ("yellow-double", (440, 220)),
    ],
)
def test_plate_has_the_standards_size(kind: str, size: tuple[int, int]) -> None:
    plate = random_plate(np.random.default_rng(0), kind)
    assert plate.image.shape == (round(size[1] * SCALE), round(size[0] * SCALE), 3)


def test_colours() -> None:
    rng = np.random.default_rng(0)

    def ground(kind: str) -> np.ndarray:
        return np.median(
            np.concatenate([random_plate(rng, kind).image.reshape(-1, 3) for _ in range(5)]), axis=0
        )

    blue, green, red = ground("blue")
    assert blue > 2 * red
    blue, green, red = ground("yellow")
    assert red > 2 * blue
    blue, green, red = ground("green-small")
    assert green > red and green > blue
    assert ground("police").min() > 180
    assert ground("black").max() < 70
    blue, green, red = ground("nl")
    assert red > 2 * blue
    plate = random_plate(rng, "de", "MAB1234").image
    blue, green, red = np.median(plate[:, 4 : round(BAND * SCALE) - 4].reshape(-1, 3), axis=0)
    assert blue > 100 > red and np.median(plate) > 180


def test_text_changes_the_picture_only_where_it_is() -> None:
    a = render(2, 7, 0.0, "blue", "京A12345").image.astype(int)
    b = render(2, 7, 0.0, "blue", "京A12348").image.astype(int)
    difference = np.abs(a - b).max(axis=(0, 2))
    assert difference[80:].max() > 60
    assert difference[:70].max() < 10
