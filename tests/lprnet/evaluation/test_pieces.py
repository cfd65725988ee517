from pathlib import Path

import numpy as np

from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.pieces import FLATTEST, NARROWEST, TALLEST, WIDEST, false_readings, pieces


def _photograph(width: int = 900, height: int = 600) -> Photograph:
    """Black but for its plates, which are white."""
    image = np.zeros((height, width, 3), np.uint8)
    labelled, ignored = LabelledPlate((300, 200, 500, 260)), LabelledPlate((0, 500, 200, 600))
    image[200:260, 300:500] = image[500:600, 0:200] = 255
    return Photograph(path=Path("a.png"), plates=(labelled,), ignored=(ignored,), image=image)


def test_pieces_have_a_plates_shape_and_keep_clear_of_labels() -> None:
    made = list(pieces([_photograph(), _photograph()], 40))
    assert len(made) == 80 and not any(piece.any() for piece in made)
    for piece in made:
        height, width, _ = piece.shape
        assert NARROWEST - 1 <= width <= WIDEST and TALLEST - 0.1 < width / height < FLATTEST * 1.1
    again = list(pieces([_photograph(), _photograph()], 40))
    assert [piece.shape for piece in again] == [piece.shape for piece in made]
    assert [p.shape for p in made[:40]] != [p.shape for p in made[40:]]


def test_a_photograph_without_room_gives_none() -> None:
    full = LabelledPlate((0, 0, 900, 600))
    photograph = Photograph(path=Path("a.png"), plates=(full,), image=np.zeros((600, 900, 3), np.uint8))
    assert list(pieces([photograph], 3)) == []
    assert list(pieces([_photograph(50, 20)], 3)) == []


def test_both_ways_of_reading_are_counted() -> None:
    images = [np.full((20, 80, 3), value, np.uint8) for value in (0, 1, 2, 3)]
    counted = false_readings(lambda image: bool(image[0, 0, 0] == 3), lambda image: True, images)
    assert (counted.n, counted.as_frames, counted.as_crops) == (4, 1, 4)
