import numpy as np
import pytest

from device_runtime.locate.decode import CHANNELS, CORNERS, SCORE, SIZE, STRIDE, UNIT
from device_runtime.locate.geometry import VIEW_HEIGHT, VIEW_WIDTH
from lprnet.scenes.generator import Generator
from lprnet.scenes.scene import Floats, Image, Placed, Role, Scene, height_of
from lprnet.scenes.stock import Stock
from lprnet.training.views import EACH, ViewGenerator, jittered, view_of

PLATE = np.array([[100, 80], [160, 80], [160, 100], [100, 100]], np.float32)


def _finds(image: Image) -> Floats:
    """A network that takes every place of a grid for a plate."""
    output = np.zeros((CHANNELS, image.shape[0] // STRIDE, image.shape[1] // STRIDE), np.float32)
    output[SCORE] = -9
    output[SCORE, ::5, ::5] = 1
    output[SIZE] = np.log(40 / UNIT)
    output[CORNERS] = np.array([-0.5, -0.16, 0.5, -0.16, 0.5, 0.16, -0.5, 0.16])[:, None, None]
    return output


@pytest.fixture(scope="module")
def generator() -> ViewGenerator:
    return ViewGenerator.of(Generator(5, size=128, stock=Stock(5, 12)), _finds)


def _scene(*plates: Placed) -> Scene:
    return Scene(np.full((200, 300, 3), 90, np.uint8), plates)


def test_the_same_number_gives_the_same_views(generator: ViewGenerator) -> None:
    first, second = generator.raw_batch(EACH, 2 * EACH), generator.raw_batch(2 * EACH, EACH)
    assert first.images.shape == (2 * EACH, VIEW_HEIGHT, VIEW_WIDTH, 3)
    assert np.array_equal(first.images[EACH:], second.images)
    assert np.array_equal(first.corners[EACH:], second.corners)


def test_there_are_plates_and_others_among_the_views(generator: ViewGenerator) -> None:
    views = generator.raw_batch(0, 12 * EACH)
    assert 0.15 < views.plate[views.counted].mean() < 0.85
    assert views.known.sum() > EACH and np.all(views.plate[~views.known & views.counted] <= 1)
    corners = views.corners[views.known]
    assert np.all(corners > -1) and np.all(corners < [VIEW_WIDTH + 1, VIEW_HEIGHT + 1])
    assert np.all(corners[:, 1, 0] > corners[:, 0, 0]) and np.all(corners[:, 3, 1] > corners[:, 0, 1])


def test_an_exact_candidate_has_its_corners_where_the_view_has_them() -> None:
    view = view_of(np.random.default_rng(1), _scene(Placed(PLATE, 1)), PLATE)
    assert view.plate and view.counted and view.known and not view.two_rows
    expected = [[22, 18], [106, 18], [106, 46], [22, 46]]
    np.testing.assert_allclose(view.corners, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("moved", "plate", "counted", "known"),
    [(10, True, True, True), (35, False, False, False), (200, False, True, False)],
)
def test_a_candidate_is_a_plate_if_it_overlaps_one(
    moved: float, plate: bool, counted: bool, known: bool
) -> None:
    quad = PLATE + np.array([moved, 0], np.float32)
    view = view_of(np.random.default_rng(1), _scene(Placed(PLATE, 2)), quad)
    assert (view.plate and view.counted, view.counted) == (plate, counted)
    assert view.known == known


def test_of_real_plates_the_score_only_is_known_and_of_cut_ones_nothing() -> None:
    real = view_of(np.random.default_rng(1), _scene(Placed(PLATE, 1, Role.BOX)), PLATE)
    assert real.plate and real.counted and not real.known
    cut = view_of(np.random.default_rng(1), _scene(Placed(PLATE, 1, Role.IGNORED)), PLATE + 1)
    assert not cut.counted and not cut.known


def test_candidates_are_inexact_but_not_lost() -> None:
    rng = np.random.default_rng(2)
    moved = np.stack([jittered(rng, PLATE) for _ in range(300)])
    off = np.linalg.norm(moved - PLATE, axis=2).mean(1) / height_of(PLATE)
    assert 0.05 < np.median(off) < 0.4 and off.max() < 1.6 and off.min() < 0.05
    assert np.abs(moved.mean(0) - PLATE).max() < 1.5
