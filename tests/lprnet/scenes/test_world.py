import numpy as np
import pytest

from lprnet.scenes.lettering import fill, line
from lprnet.scenes.stock import Stock
from lprnet.scenes.world import DESIGNS, SCALE, Design, random_world_plate


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_a_design_has_its_shape_and_readable_characters(design: Design) -> None:
    for seed in range(3):
        face = random_world_plate(np.random.default_rng(seed), design)
        again = random_world_plate(np.random.default_rng(seed), design)
        image = face.image
        assert np.array_equal(image, again.image) and image.dtype == np.uint8
        assert (face.rows, face.kind) == (design.rows, design.name)
        assert face.text == again.text and face.text.isalnum() and 3 <= len(face.text) <= 15, face.text
        assert image.shape[1] / image.shape[0] == pytest.approx(design.size[0] / design.size[1], rel=0.1)
        assert image.shape[1] == pytest.approx(design.size[0] * SCALE, rel=0.04)
        assert image[5:-5, 5:-5].std() > 10


def test_patterns_are_filled() -> None:
    text = fill(np.random.default_rng(1), "@@-### *?")
    assert text[:2].isalpha() and text[2] == "-" and text[3:6].isdigit() and ord(text[7]) > 0x3000
    assert fill(np.random.default_rng(1), "~").isalpha()


def test_a_line_fits_its_box() -> None:
    for text in ("I", "ABC 123", "A" * 40, "20:15:03", "京A-1.2/3"):
        mask = line(text, 2, 90, 20)
        assert mask.shape == (20, 90) and mask.max() > 100
    narrow = np.nonzero(line("AB", 2, 200, 20).any(0))[0]
    assert np.ptp(narrow) < 40 and abs(narrow.mean() - 100) < 5


def test_stock_draws_the_same_plates_in_any_order() -> None:
    one, other = Stock(3, 30), Stock(3, 30)
    backwards = {i: other.face(i) for i in reversed(range(30))}
    for i in range(30):
        assert np.array_equal(one.face(i).image, backwards[i].image)
        assert one.face(i + 30) is one.face(i)
        assert one.face(i).text == backwards[i].text and one.face(i).kind
    assert {face.rows for face in backwards.values()} == {1, 2}
    assert len({face.image.shape for face in backwards.values()}) > 5
