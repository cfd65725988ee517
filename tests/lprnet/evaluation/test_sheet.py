from lprnet.evaluation.sheet import beside, tile, worst
from lprnet.plates import render
from tests.lprnet.helpers import outcome


def test_sheets() -> None:
    images = [render(1, i).image for i in range(10)]
    assert tile(images, columns=4, zoom=2).shape == (3 * 48, 4 * 188, 3)
    assert beside(tile(images, 4), tile(images, 2)).shape[1] == 4 * 188
    wrong = [outcome("京A12345", f"沪A1234{i}", i / 10) for i in range(8)]
    few, many = worst(wrong, 2), worst(wrong, 7)
    assert many.shape[0] == 2 * few.shape[0] and few.shape[1] == 6 * 94 * 3
