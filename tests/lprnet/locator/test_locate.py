import numpy as np
import pytest

from lprnet.locator.decode import CHANNELS, CORNERS, SCORE, SIZE, STRIDE, UNIT, Floats
from lprnet.locator.locate import Image, Locator, in_torch
from lprnet.locator.network import REFINED, LocatorNet


def _bright(image: Image) -> Floats:
    """A network that takes any white spot for a plate whose corners are the spot's bounds."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    y, x = np.nonzero(image.min(2) > 200)
    if len(y) < 4:
        return output
    low, high = np.array([x.min(), y.min()]), np.array([x.max() + 1, y.max() + 1])
    middle, half = (low + high) / 2, (high - low) / 2
    corners = middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    column, row = (middle // STRIDE).astype(int)
    size = np.log(2 * half[0] / UNIT)
    output[SCORE, row, column], output[SIZE, row, column] = 1, size
    center = (np.array([column, row]) + 0.5) * STRIDE
    output[CORNERS, row, column] = ((corners - center) / (np.exp(size) * UNIT)).ravel()
    return output


def _frame() -> Image:
    frame = np.full((540, 960, 3), 60, np.uint8)
    frame[300:330, 400:500] = 255
    return frame


LABELLED = np.array([[400, 300], [500, 300], [500, 330], [400, 330]], np.float32)


def test_a_plate_is_found_in_pixels_of_the_frame() -> None:
    found = Locator(_bright).locate(_frame())
    assert len(found) == 1
    assert np.abs(found.corners[0] - LABELLED).max() < 4
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)


def test_a_threshold_above_the_score_gives_nothing() -> None:
    assert len(Locator(_bright).locate(_frame(), 0.99)) == 0


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2160, 3840), (96, 160)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    locator = Locator(in_torch(LocatorNet().eval().find))
    found = locator.locate(np.zeros((*size, 3), np.uint8), 0.001)
    assert found.corners.shape[1:] == (4, 2)


def test_either_network_in_pytorch_gives_a_map() -> None:
    both = LocatorNet().eval()
    assert in_torch(both.find)(np.zeros((64, 96, 3), np.uint8)).shape == (CHANNELS, 8, 12)
    assert in_torch(both.refine)(np.zeros((64, 128, 3), np.uint8)).shape == (REFINED, 16, 32)
