import numpy as np
import pytest

from device_runtime.locate.decode import (
    CHANNELS,
    CORNERS,
    SCORE,
    SIZE,
    STRIDE,
    UNIT,
    VIEW_CHANNELS,
    VIEW_ROWS,
    VIEW_SCORE,
    Floats,
)
from device_runtime.locate.geometry import VIEW_HEIGHT, VIEW_WIDTH
from device_runtime.locate.locator import Locator, Scoring, Search
from device_runtime.sources.image import Image

SQUARE = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _bounds(image: Image) -> tuple[Floats, Floats] | None:
    """Middle and half the size of what is white."""
    y, x = np.nonzero(image.min(2) > 150)
    if len(y) < 4:
        return None
    low, high = np.array([x.min(), y.min()]), np.array([x.max() + 1, y.max() + 1])
    return (low + high) / 2, (high - low) / 2


def find(image: Image) -> Floats:
    """A network that takes any white spot for a plate, and makes it a fifth too large."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    bounds = _bounds(image)
    if bounds is None:
        return output
    middle, half = bounds
    column, row = (middle // STRIDE).astype(int)
    size = np.log(2 * half[0] / UNIT)
    output[SCORE, row, column], output[SIZE, row, column] = 1, size
    center = (np.array([column, row]) + 0.5) * STRIDE
    corners = middle + 1.2 * half * SQUARE
    output[CORNERS, row, column] = ((corners - center) / (np.exp(size) * UNIT)).ravel()
    return output


def refine(view: Image) -> Floats:
    """A network that sees the corners of a white spot, takes it for a plate, and for one of two rows."""
    assert view.shape == (VIEW_HEIGHT, VIEW_WIDTH, 3)
    output = np.zeros((VIEW_CHANNELS, VIEW_HEIGHT // 4, VIEW_WIDTH // 4), np.float32)
    bounds = _bounds(view)
    output[VIEW_SCORE], output[VIEW_ROWS] = -6, -6
    if bounds is None:
        return output
    output[VIEW_SCORE], output[VIEW_ROWS] = 3, 5
    y, x = (np.mgrid[: VIEW_HEIGHT // 4, : VIEW_WIDTH // 4] + 0.5) * 4
    for k, (u, v) in enumerate(bounds[0] + bounds[1] * SQUARE):
        output[k] = -(np.square(x - u) + np.square(y - v)) / (2 * 3**2)
    return output


def everywhere(sureness: float) -> Floats:
    """A network that sees a plate in every third cell."""
    output = np.zeros((CHANNELS, 30, 40), np.float32)
    output[SCORE] = -9
    output[SCORE, ::3, ::3] = sureness
    output[CORNERS] = np.array([-0.3, -0.1, 0.3, -0.1, 0.3, 0.1, -0.3, 0.1])[:, None, None]
    return output


def unmoved(plate: float) -> Floats:
    """A view whose plate lies where it should."""
    output = np.full((VIEW_CHANNELS, 16, 32), plate, np.float32)
    y, x = (np.mgrid[:16, :32] + 0.5) * 4
    for k, (u, v) in enumerate([(22, 18), (106, 18), (106, 46), (22, 46)]):
        output[k] = -(np.square(x - u) + np.square(y - v)) / (2 * 3**2)
    return output


def _frame() -> Image:
    frame = np.full((540, 960, 3), 60, np.uint8)
    frame[300:330, 400:500] = 255
    return frame


LABELLED = np.array([[400, 300], [500, 300], [500, 330], [400, 330]], np.float32)


def test_the_second_look_mends_the_corners_and_the_score() -> None:
    locator = Locator(find, refine)
    proposed = locator.propose(_frame())
    found = locator.locate(_frame())
    assert len(proposed) == len(found) == 1
    assert np.abs(proposed.corners[0] - LABELLED).max() > 8
    assert np.abs(found.corners[0] - LABELLED).max() < 1
    scores = [1 / (1 + np.exp(-logit)) for logit in (1, 3, 0.25 * 1 + 0.75 * 3, 5)]
    seen = [found.find_scores[0], found.refine_scores[0], found.scores[0], found.two_rows[0]]
    assert seen == pytest.approx(scores, abs=1e-4)


def test_scoring_weighs_both_logits() -> None:
    scoring = Scoring(find=0.5, refine=1.5, offset=-1)
    assert scoring.score(2, 1) == pytest.approx(1 / (1 + np.exp(-1.5)))
    assert scoring.score(1e6, 1e6) <= 1 and scoring.score(-1e6, -1e6) >= 0


def test_what_the_second_look_does_not_see_is_no_plate() -> None:
    def blind(view: Image) -> Floats:
        return np.minimum(refine(view), -6)

    assert len(Locator(find, blind).locate(_frame())) == 0


def test_a_threshold_above_the_score_gives_nothing() -> None:
    assert len(Locator(find, refine).locate(_frame(), 0.99)) == 0
    assert Locator(find, refine).locate(np.zeros((90, 90, 3), np.uint8)).corners.shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("find_logit", "view_logit", "expected"),
    [
        (-1.5, -4.0, 2),  # doubtful: the usual number
        (2.0, -4.0, 5),  # sure of many: the most
        (-1.5, 8.0, 1),  # one is clear and the others are doubtful
        (2.0, 8.0, 5),
    ],
)
def test_views_are_limited(find_logit: float, view_logit: float, expected: int) -> None:
    views: list[Image] = []

    def look(view: Image) -> Floats:
        views.append(view)
        return unmoved(view_logit)

    search = Search(looks=2, most=5)
    found = Locator(lambda _: everywhere(find_logit), look, search=search).locate(_frame())
    assert len(views) == expected
    assert len(found) == (expected if view_logit > 0 else 0)


def test_a_plate_is_looked_at_again_only_if_its_corners_moved() -> None:
    views: list[Image] = []

    def look(view: Image) -> Floats:
        views.append(view)
        return refine(view)

    Locator(find, look).locate(_frame())
    assert len(views) == 2
    views.clear()
    Locator(find, look, search=Search(moved=1000)).locate(_frame())
    assert len(views) == 1


def test_candidates_that_turn_out_to_be_one_plate_are_one() -> None:
    def twice(image: Image) -> Floats:
        output = find(image)
        row, column = np.unravel_index(output[SCORE].argmax(), output[SCORE].shape)
        # A second peak two cells away whose box lies above the first one.
        output[:, row - 2, column] = output[:, row, column]
        return output

    assert len(Locator(twice, refine).propose(_frame())) == 2
    assert len(Locator(twice, refine).locate(_frame())) == 1


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2160, 3840), (96, 160)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    found = Locator(find, refine).locate(np.full((*size, 3), 255, np.uint8))
    assert found.corners.shape == (len(found), 4, 2) and np.isfinite(found.corners).all()
