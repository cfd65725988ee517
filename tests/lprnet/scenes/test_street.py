import cv2
import numpy as np
import pytest

from lprnet.scenes.face import Face
from lprnet.scenes.scene import width_of
from lprnet.scenes.stock import rendered
from lprnet.scenes.street import FIRST_WIDTHS, STREETS, draw_street, empty_street

SIZE = (640, 360)


def _faces(count: int) -> list[Face]:
    rng = np.random.default_rng(1)
    return [rendered(rng, kind) for kind in ("blue", "yellow-double", "green-small")[:count]]


def test_a_street_is_the_same_for_the_same_random_numbers() -> None:
    first, second = (draw_street(np.random.default_rng(4), SIZE, _faces(2)) for _ in range(2))
    assert np.array_equal(first.image, second.image) and first.image.shape == (360, 640, 3)
    assert [plate.text for plate in first.plates] == [plate.text for plate in second.plates]


def test_plates_are_whole_apart_and_the_first_is_always_there() -> None:
    for seed in range(8):
        faces = _faces(3)
        scene = draw_street(np.random.default_rng(seed), SIZE, faces)
        assert scene.plates[0].text == faces[0].text and scene.plates[0].rows == 1
        assert width_of(scene.plates[0].corners) == pytest.approx(SIZE[0] * np.mean(FIRST_WIDTHS), rel=0.3)
        for k, plate in enumerate(scene.plates):
            assert plate.kind and plate.corners.min() > 0 and np.all(plate.corners < SIZE)
            for other in scene.plates[:k]:
                low = np.maximum(plate.corners.min(0), other.corners.min(0))
                high = np.minimum(plate.corners.max(0), other.corners.max(0))
                assert np.any(low >= high)


@pytest.mark.parametrize("turn", [-30.0, 0.0, 15.0])
def test_a_turned_camera_turns_plates_alone(turn: float) -> None:
    for seed in range(4):
        corners = draw_street(np.random.default_rng(seed), SIZE, _faces(1), turn).plates[0].corners
        upper, side = corners[1] - corners[0], corners[3] - corners[0]
        assert np.degrees(np.arctan2(upper[1], upper[0])) == pytest.approx(turn, abs=0.2)
        assert abs(float(upper @ side)) < 0.01 * float(upper @ upper)


def test_a_plate_is_drawn_at_its_corners() -> None:
    """Seen from the front again it is what it was."""
    face = Face(
        np.random.default_rng(2).integers(0, 2, (5, 15, 3), np.uint8).repeat(9, 0).repeat(9, 1) * 200, 1
    )
    scene = draw_street(np.random.default_rng(5), (960, 540), [face], 12.0, plain=True)
    height, width = face.image.shape[:2]
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(scene.plates[0].corners - np.float32(0.5), square - np.float32(0.5))
    seen = cv2.warpPerspective(scene.image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    middles = (slice(4, None, 9), slice(4, None, 9))
    assert np.corrcoef(seen[middles].ravel(), face.image[middles].ravel())[0, 1] > 0.9


def test_empty_streets() -> None:
    street = empty_street(3)
    assert street.shape == (360, 640, 3) and street.std() > 10
    assert np.array_equal(street, empty_street(3 + STREETS))
    assert not np.array_equal(street, empty_street(4))
