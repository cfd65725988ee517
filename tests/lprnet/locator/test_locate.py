import numpy as np
import pytest

from lprnet.locator.decode import CHANNELS, CORNERS, SCORE, SIZE, STRIDE, UNIT, Floats
from lprnet.locator.geometry import VIEW_HEIGHT, VIEW_WIDTH
from lprnet.locator.locate import FIRST, Image, Locator, in_torch
from lprnet.locator.network import LocatorNet, Look


def _bright(image: Image, look: Look) -> Floats:
    """A network that takes any white spot for a plate whose corners are the spot's bounds.

    The first look is made to be sloppy: it makes the plate a fifth too large.
    """
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    y, x = np.nonzero(image.min(2) > 200)
    if len(y) < 4:
        return output
    low, high = np.array([x.min(), y.min()]), np.array([x.max() + 1, y.max() + 1])
    middle, half = (low + high) / 2, (high - low) / 2 * (1.2 if look == "find" else 1)
    corners = middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    column, row = (middle // STRIDE).astype(int)
    size = np.log(2 * half[0] / UNIT)
    output[SCORE, row, column], output[SIZE, row, column] = (1 if look == "find" else 3), size
    center = (np.array([column, row]) + 0.5) * STRIDE
    output[CORNERS, row, column] = ((corners - center) / (np.exp(size) * UNIT)).ravel()
    return output


def _frame() -> Image:
    frame = np.full((540, 960, 3), 60, np.uint8)
    frame[300:330, 400:500] = 255
    return frame


LABELLED = np.array([[400, 300], [500, 300], [500, 330], [400, 330]], np.float32)


def test_the_second_look_mends_the_corners() -> None:
    first = Locator(_bright, looks=0).locate(_frame())
    second = Locator(_bright).locate(_frame())
    assert len(first) == len(second) == 1
    assert np.abs(first.corners[0] - LABELLED).max() > 8
    assert np.abs(second.corners[0] - LABELLED).max() < 2
    scores = [1 / (1 + np.exp(-logit)) for logit in (1, 3)]
    assert first.scores[0] == pytest.approx(scores[0], abs=1e-4)
    assert second.scores[0] == pytest.approx(scores[0] ** FIRST * scores[1] ** (1 - FIRST), abs=1e-4)


def test_what_the_second_look_does_not_see_is_dropped() -> None:
    def only_first(image: Image, look: Look) -> Floats:
        output = _bright(image, look)
        return output if look == "find" else np.minimum(output, -9)

    assert len(Locator(only_first).locate(_frame())) == 0


@pytest.mark.parametrize(("sureness", "expected"), [(-1.5, 2), (2.0, 5)])
def test_second_looks_are_limited(sureness: float, expected: int) -> None:
    """Two where plates are doubtful, more where they are sure, five at most."""
    looks: list[Look] = []

    def everywhere(image: Image, look: Look) -> Floats:
        looks.append(look)
        output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
        output[SCORE] = -9
        output[SCORE, ::3, ::3] = sureness
        output[CORNERS] = np.array([-0.3, -0.1, 0.3, -0.1, 0.3, 0.1, -0.3, 0.1])[:, None, None]
        return output

    Locator(everywhere, looks=2, most=5).locate(_frame())
    assert looks == ["find", *["look"] * expected]


def test_a_threshold_above_the_score_gives_nothing() -> None:
    assert len(Locator(_bright).locate(_frame(), 0.99)) == 0


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2160, 3840), (96, 160)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    locator = Locator(in_torch(LocatorNet().eval()), proposing=0.001, looks=1)
    found = locator.locate(np.zeros((*size, 3), np.uint8), 0.001)
    assert found.corners.shape[1:] == (4, 2) and len(found) <= 1


def test_the_network_in_pytorch_gives_a_map_of_either_look() -> None:
    run = in_torch(LocatorNet().eval())
    assert run(np.zeros((64, 96, 3), np.uint8), "find").shape == (CHANNELS, 8, 12)
    assert run(np.zeros((VIEW_HEIGHT, VIEW_WIDTH, 3), np.uint8), "look").shape == (CHANNELS, 12, 20)
