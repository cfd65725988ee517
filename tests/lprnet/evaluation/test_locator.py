from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.locate.decode import CHANNELS, VIEW_CHANNELS, Floats
from device_runtime.locate.locator import Found, Locator, Scoring
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.locator import compare, figures, measure, rendered
from lprnet.scenes.scene import Image


def _quad(left: float, top: float, width: float, height: float) -> Floats:
    return np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]], np.float32
    )


def _found(*quads: Floats) -> Found:
    scores = np.linspace(0.9, 0.5, len(quads)).astype(np.float32)
    return Found(np.array(quads, np.float32).reshape(-1, 4, 2), scores, scores, scores, np.zeros_like(scores))


def _photograph(*quads: Floats, known: bool = True) -> Photograph:
    plates = []
    for quad in quads:
        (left, top), (right, bottom) = quad.min(0).tolist(), quad.max(0).tolist()
        plates.append(LabelledPlate((left, top, right, bottom), quad if known else None))
    return Photograph(path=Path("a.jpg"), plates=tuple(plates))


def test_a_hand_made_set_is_counted_right() -> None:
    """Three photographs: one found well, one missed by a shifted box and with a false one, one plate-free."""
    plate = _quad(100, 100, 80, 20)
    shifted = plate + np.array([60, 0], np.float32)
    outcomes = [
        compare(_photograph(plate, _quad(300, 100, 40, 10)), _found(plate + 1, _quad(302, 100, 40, 10)), 0.5),
        compare(_photograph(plate), _found(shifted, _quad(500, 500, 60, 20)), 0.2),
        compare(_photograph(), _found(_quad(10, 10, 60, 20), _quad(200, 10, 60, 20)), 0.2),
    ]
    result = figures(outcomes)
    assert (result.photographs, result.n, result.found) == (3, 3, 2)
    # The box that overlaps its plate by a seventh is neither a hit nor a false one.
    assert result.false_per_photo == pytest.approx(3 / 3)
    errors = [np.sqrt(2) / 20, 2 / 10]
    assert result.corner_error == pytest.approx(np.mean(errors), rel=1e-4)
    assert {name: those for name, those in result.by_width.items() if those[0]} == {
        "16–20": (1, 0),
        "20–25": (1, 1),
        "32–48": (1, 1),
    }
    assert sum(n for n, _ in result.by_width.values()) == 3


def test_a_box_meets_one_label_only() -> None:
    plate = _quad(100, 100, 80, 20)
    outcome = compare(_photograph(plate, plate + np.array([2, 0], np.float32)), _found(plate), 1)
    assert [p.found for p in outcome.plates] == [True, False]
    twice = compare(_photograph(plate), _found(plate + np.array([3, 0], np.float32), plate), 1)
    assert twice.plates[0].corner_error == 0 and not twice.unmatched.any()


def test_a_box_on_an_ignored_plate_is_neither_found_nor_false() -> None:
    cut = LabelledPlate((100, 100, 180, 120))
    photograph = Photograph(path=Path("a.jpg"), plates=(), ignored=(cut,))
    outcome = compare(photograph, _found(_quad(102, 100, 80, 20), _quad(300, 100, 80, 20)), 1)
    assert outcome.plates == () and outcome.unmatched.tolist() == [False, True]


def test_rendered_photographs_have_exact_corners_and_plates_to_find() -> None:
    photographs = rendered(3, 12)
    assert all(p.read().shape == (640, 640, 3) for p in photographs)
    plates = [plate for photograph in photographs for plate in photograph.plates]
    assert len(plates) > 6 and all(plate.corners is not None and plate.width > 20 for plate in plates)


def test_without_known_corners_there_is_no_corner_error() -> None:
    plate = _quad(100, 100, 80, 20)
    result = figures([compare(_photograph(plate, known=False), _found(plate), 1)])
    assert result.found == 1 and result.corner_error is None
    assert figures([]).false_per_photo == 0


def test_thresholds_are_measured_in_one_pass(tmp_path: Path) -> None:
    path, calls = tmp_path / "a.png", 0
    cv2.imwrite(str(path), np.zeros((100, 200, 3), np.uint8))

    def sure_of_one(image: Image) -> Floats:
        nonlocal calls
        calls += 1
        output = np.zeros((CHANNELS, image.shape[0] // 8, image.shape[1] // 8), np.float32)
        output[0] = -9
        output[0, 2, 3], output[0, 2, 20] = 2, -0.5
        output[3:] = np.array([-0.5, -0.16, 0.5, -0.16, 0.5, 0.16, -0.5, 0.16])[:, None, None]
        return output

    def nothing_new(view: Image) -> Floats:
        output = np.zeros((VIEW_CHANNELS, 16, 32), np.float32)
        for corner, (x, y) in enumerate(((5, 4), (26, 4), (26, 11), (5, 11))):
            output[corner, y, x] = 20
        return output

    locator = Locator(find=sure_of_one, refine=nothing_new, scoring=Scoring(find=1, refine=0, offset=0))
    photograph = Photograph(path=path, plates=(LabelledPlate((0, 0, 9, 9)),))
    low, high = measure(locator, [photograph], (0.3, 0.6))
    assert calls == 1
    assert len(low[0].found) == 2 and len(high[0].found) == 1
