from __future__ import annotations

import numpy as np
import pytest

from device_runtime.locate.locator import Locator
from device_runtime.locate.rectify import SIZE
from device_runtime.locate.straighten import AROUND, FINE, TURNS, guesses, straightened
from device_runtime.read.preprocess import resize
from lprnet.locator.checkpoint import load_weights
from lprnet.locator.locate import locator_of
from lprnet.plates import render
from lprnet.plates.pixels import Image
from lprnet.weights import LOCATOR
from tests.device_runtime.networks import boxed


@pytest.fixture(scope="module")
def locator() -> Locator:
    return locator_of(load_weights(LOCATOR))


def test_the_image_is_the_upright_box_around_turned_guesses() -> None:
    width, height = 200, 90
    upright, *turned = guesses(width, height)
    assert upright.min(0) == pytest.approx([16, 13.5]) and upright.max(0) == pytest.approx([184, 76.5])
    for corners, turn in zip(turned, TURNS, strict=True):
        along = corners[1] - corners[0]
        assert np.degrees(np.arctan2(along[1], along[0])) == pytest.approx(turn, abs=1e-3)
        assert corners.min(0) == pytest.approx([width * AROUND, height * AROUND], abs=1e-3)
        assert corners.max(0) == pytest.approx([width * (1 - AROUND), height * (1 - AROUND)], abs=1e-3)


@pytest.mark.parametrize("turn", [-13.0, -6.0, 6.0, 13.0])
def test_a_turned_plate_is_seen_from_the_front(locator: Locator, turn: float) -> None:
    before: list[float] = []
    after: list[float] = []
    for number in range(3, 11):
        plate = render(7, number, 0.0, "blue").image
        image = boxed(plate, turn)
        views = [view for view, below in straightened(image, locator) if below is None]
        assert views[0].shape[1::-1] == (FINE if image.shape[1] > SIZE[0] else SIZE)
        before.append(_likeness(plate, resize(image)))
        after.append(max(_likeness(plate, resize(view)) for view in views))
    # All of it is within the `Margin` that crops have, so that no view is alike pixel by pixel.
    assert all(a > b for a, b in zip(after, before, strict=True))
    assert float(np.mean(after)) > max(float(np.mean(before)) + 0.2, 0.6)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (2, 700), (300, 2), (600, 800)])
def test_images_of_any_size_are_looked_at(locator: Locator, size: tuple[int, int]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    assert len(list(straightened(image, locator))) >= 1 + len(TURNS)


def _likeness(plate: Image, other: Image) -> float:
    """Correlation of the grey values."""
    return float(np.corrcoef(plate.mean(2).ravel(), other.mean(2).ravel())[0, 1])
