from __future__ import annotations

import numpy as np

from lprnet.plates.strokes import STROKES, draw


def test_pen_strokes_fill_the_box() -> None:
    for character in STROKES:
        rows, columns = np.nonzero(draw(character, 9.5) > 100)
        assert rows.min() <= 2 and rows.max() >= 87
        if character not in "1IJ":
            assert columns.min() <= 3 and columns.max() >= 41
