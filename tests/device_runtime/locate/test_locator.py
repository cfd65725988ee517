import numpy as np
import pytest

from device_runtime.errors import FatalError
from device_runtime.locate.decode import SCORE, VIEW_SCORE, Floats
from device_runtime.locate.geometry import width_of
from device_runtime.locate.locator import Scoring
from device_runtime.locate.region import Region
from device_runtime.sources.image import Image
from tests.device_runtime.networks import by_hand, everywhere, find, refine, spots, unmoved


def _frame() -> Image:
    frame = np.full((540, 960, 3), 60, np.uint8)
    frame[300:330, 400:500] = 255
    return frame


LABELLED = np.array([[400, 300], [500, 300], [500, 330], [400, 330]], np.float32)


def test_the_second_look_mends_the_corners_and_the_score() -> None:
    locator = by_hand(find, refine)
    proposed = locator.propose(_frame())
    found = locator.locate(_frame())
    assert len(proposed) == len(found) == 1
    assert np.abs(proposed.corners[0] - LABELLED).max() > 8
    assert np.abs(found.corners[0] - LABELLED).max() < 1
    scores = [1 / (1 + np.exp(-logit)) for logit in (1, 3, 0.25 * 1 + 0.75 * 3, 6)]
    seen = [found.find_scores[0], found.refine_scores[0], found.scores[0], found.two_rows[0]]
    assert seen == pytest.approx(scores, abs=1e-4)


def test_scoring_weighs_both_logits() -> None:
    scoring = Scoring(find=0.5, refine=1.5, offset=-1)
    assert scoring.score(2, 1) == pytest.approx(1 / (1 + np.exp(-1.5)))
    assert scoring.score(1e6, 1e6) <= 1 and scoring.score(-1e6, -1e6) >= 0


def test_what_the_second_look_does_not_see_is_no_plate() -> None:
    def blind(view: Image) -> Floats:
        return np.minimum(refine(view), -6)

    assert len(by_hand(find, blind).locate(_frame())) == 0


def test_a_threshold_above_the_score_gives_nothing() -> None:
    assert len(by_hand(find, refine).locate(_frame(), 0.99)) == 0
    assert by_hand(find, refine).locate(np.zeros((90, 90, 3), np.uint8)).corners.shape == (0, 4, 2)


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

    found = by_hand(lambda _: everywhere(find_logit), look, looks=2, most=5).locate(_frame())
    assert len(views) == expected
    assert len(found) == (expected if view_logit > 0 else 0)


def test_a_plate_is_looked_at_again_only_if_its_corners_moved() -> None:
    views: list[Image] = []

    def look(view: Image) -> Floats:
        views.append(view)
        return refine(view)

    by_hand(find, look).locate(_frame())
    assert len(views) == 2
    views.clear()
    by_hand(find, look, moved=1000).locate(_frame())
    assert len(views) == 1


@pytest.mark.parametrize(("again", "plates"), [(0.1, 1), (1.0, 0)])
def test_a_plate_that_is_doubtful_askew_gets_a_second_look(again: float, plates: int) -> None:
    views: list[Image] = []

    def look(view: Image) -> Floats:
        views.append(view)
        output = refine(view)
        output[VIEW_SCORE] += -4 if len(views) == 1 else 0
        return output

    assert len(by_hand(find, look, again=again).locate(_frame())) == plates


def test_candidates_that_turn_out_to_be_one_plate_are_one() -> None:
    def twice(image: Image) -> Floats:
        output = find(image)
        row, column = np.unravel_index(output[SCORE].argmax(), output[SCORE].shape)
        # A second peak two cells away whose box lies above the first one.
        output[:, row - 2, column] = output[:, row, column]
        return output

    assert len(by_hand(twice, refine).propose(_frame())) == 2
    assert len(by_hand(twice, refine).locate(_frame())) == 1


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (2160, 3840), (96, 160)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    found = by_hand(find, refine).locate(np.full((*size, 3), 255, np.uint8))
    assert found.corners.shape == (len(found), 4, 2) and np.isfinite(found.corners).all()


def test_a_region_restricts_where_plates_are_looked_for() -> None:
    frame = _frame()
    locator = by_hand(find, refine)
    assert len(locator.locate(frame, region=Region.parse("0,0,300,500"))) == 0
    for text in ("350,250,300,150", "300,200,700,300,350,450"):
        found = locator.locate(frame, region=Region.parse(text))
        assert np.abs(found.corners[0] - LABELLED).max() < 1
    # Its middle is outside this one, though most of the plate is within the polygon's box.
    assert len(locator.locate(frame, region=Region.parse("300,200,700,200,300,330"))) == 0
    with pytest.raises(FatalError, match="is not within the frame of 960×540"):
        locator.locate(frame, region=Region.parse("0,0,961,500"))


def _streets() -> tuple[Image, Floats]:
    """A large frame with small plates, and where these are."""
    frame = np.full((1080, 1920, 3), 60, np.uint8)
    places = [(100, 90), (700, 515), (1500, 800), (1871, 1050), (930, 20), (311, 1061)]
    for x, y in places:
        frame[y : y + 12, x : x + 40] = 255
    low = np.array(places, np.float32)
    return frame, (low[:, None] + np.array([[0, 0], [40, 0], [40, 12], [0, 12]])).astype(np.float32)


def test_small_plates_are_found_in_tiles_each_once() -> None:
    frame, labelled = _streets()
    inputs: list[Image] = []

    def counted(image: Image) -> Floats:
        inputs.append(image)
        return spots(image)

    locator = by_hand(counted, refine, narrowest=36, most=64)
    found = locator.locate(frame)
    assert len(inputs) > 5 and all(image.shape[0] * image.shape[1] <= 320**2 for image in inputs)
    assert len(found) == len(labelled)
    for corners in labelled:
        assert np.abs(found.corners - corners).max((1, 2)).min() < 1.5


def test_a_larger_look_takes_more_tiles_and_a_smaller_one_less_area() -> None:
    sizes: list[tuple[int, int]] = []

    def counted(image: Image) -> Floats:
        sizes.append((image.shape[1], image.shape[0]))
        return find(image)

    for size, looks in ((None, 1), (320, 1), (160, 1), (640, 7)):
        sizes.clear()
        found = by_hand(counted, refine, size=size).locate(_frame())
        assert len(sizes) == looks and max(w * h for w, h in sizes) <= min(size or 320, 320) ** 2
        assert len(found) == 1 and np.abs(found.corners[0] - LABELLED).max() < 1


def test_a_plate_that_a_tile_cuts_is_found_whole() -> None:
    """In a tile that has all of it, or in the whole frame."""
    frame = np.full((1080, 1920, 3), 60, np.uint8)
    for x in range(40, 1900, 41):
        frame[:] = 60
        frame[500:560, x : x + 200] = 255
        found = by_hand(spots, refine, narrowest=50).locate(frame)
        assert len(found) == 1 and abs(width_of(found.corners[0]) - min(200, 1920 - x)) < 4, x
