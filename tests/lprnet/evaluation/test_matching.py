from pathlib import Path

import numpy as np
import pytest

from device_runtime.locate.decode import Floats
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.matching import corner_error, match


def quad(left: float, top: float, width: float, height: float) -> Floats:
    return np.array(
        [[left, top], [left + width, top], [left + width, top + height], [left, top + height]], np.float32
    )


def test_the_best_overlap_is_the_labels_and_the_others_only_meet_it() -> None:
    label = LabelledPlate((100, 100, 180, 120))
    cut = LabelledPlate((0, 100, 30, 120))
    photograph = Photograph(path=Path("a.jpg"), plates=(label,), ignored=(cut,))
    found = [quad(110, 100, 80, 20), quad(101, 100, 80, 20), quad(0, 100, 30, 20), quad(300, 0, 80, 20)]
    matched = match(photograph, np.stack(found))
    assert matched.box_of == {0: 1}
    assert matched.meets.tolist() == [[True, True, False, False]]
    assert matched.false.tolist() == [False, False, False, True]


def test_nothing_found_or_labelled_matches_nothing() -> None:
    none = np.zeros((0, 4, 2), np.float32)
    matched = match(Photograph(path=Path("a.jpg"), plates=(LabelledPlate((0, 0, 9, 9)),)), none)
    assert matched.box_of == {} and matched.meets.shape == (1, 0) and matched.false.shape == (0,)
    matched = match(Photograph(path=Path("a.jpg"), plates=()), quad(0, 0, 9, 9)[None])
    assert matched.box_of == {} and matched.false.tolist() == [True]


def test_corner_error_is_in_plate_heights() -> None:
    plate = quad(0, 0, 90, 30)
    assert corner_error(plate, plate + np.array([3, 0], np.float32)) == pytest.approx(0.1)
