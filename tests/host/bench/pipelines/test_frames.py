from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device_runtime.errors import FatalError
from host.bench.pipelines.frames import GREY, HEIGHT, WIDTH, frames, rendered
from lprnet.data.photographs import LabelledPlate, Photograph


def photograph(width: int, height: int, text: str | None = "A1") -> Photograph:
    """A black picture with a white plate."""
    image = np.zeros((height, width, 3), np.uint8)
    image[20:40, 30:90] = 255
    corners = np.array([[30, 20], [90, 20], [90, 40], [30, 40]], np.float32)
    plate = LabelledPlate((30, 20, 90, 40), corners, text)
    return Photograph(path=Path("a.png"), plates=(plate,), image=image)


@pytest.mark.parametrize(("width", "height"), [(200, 400), (400, 100), (192, 108), (3840, 2160)])
def test_a_photograph_stands_in_the_middle_with_its_plate_where_its_label_says(
    width: int, height: int
) -> None:
    made = frames("set", [photograph(width, height)], 5)
    assert made.images.shape == (1, HEIGHT, WIDTH, 3)
    (plate,) = made.photographs[0].plates
    left, top, right, bottom = (round(side) for side in plate.box)
    frame, blurred = made.images[0], 2 + (right - left) // 60
    assert frame[top + blurred : bottom - blurred, left + blurred : right - blurred].min() > 200
    assert frame[top - blurred, left - blurred].max() < 60
    assert plate.corners is not None and np.allclose(plate.corners[0], plate.box[:2])
    if (width, height) == (200, 400):
        assert (frame[:, 0] == GREY).all() and not (frame[:, WIDTH // 2] == GREY).any()


def test_only_photographs_with_one_plate_and_its_text_count() -> None:
    one, unread = photograph(192, 108), photograph(192, 108, None)
    assert len(frames("set", [unread, one, one, one], 2).photographs) == 2
    with pytest.raises(FatalError, match="set: has no photograph with one plate"):
        frames("set", [unread], 2)


def test_rendered_frames_have_one_plate_each() -> None:
    made = rendered(2)
    assert made.images.shape == (2, HEIGHT, WIDTH, 3)
    for photograph in made.photographs:
        (plate,) = photograph.plates
        assert plate.text and plate.corners is not None and 100 < plate.width < WIDTH / 4
    assert len(made.photographs[1].plates[0].text or "") == 8
