from __future__ import annotations

import numpy as np
import pytest

from lprnet.plates.strokes import ROUND, draw, strokes


@pytest.mark.parametrize("exponent", [ROUND, 3.4])
def test_pen_strokes_fill_the_box(exponent: float) -> None:
    for character in strokes(exponent):
        rows, columns = np.nonzero(draw(character, 9.5, exponent) > 100)
        assert rows.min() <= 2 and rows.max() >= 87
        if character not in "1IJ":
            assert columns.min() <= 3 and columns.max() >= 41


def test_squarer_bends_leave_less_ground_in_the_corners() -> None:
    corner = slice(0, 12)
    assert draw("0", 9.5, 3.4)[corner, corner].mean() > 1.5 * draw("0", 9.5)[corner, corner].mean()
    # What is straight stays as it is.
    assert np.array_equal(draw("H", 9.5, 3.4), draw("H", 9.5))
