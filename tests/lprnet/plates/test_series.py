from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device_runtime.countries.country import MARKS, read, shipped
from device_runtime.errors import FatalError
from lprnet.plates import render, stream
from lprnet.plates.kinds import KINDS, MIXES, alphabet_of, characters_of, known, random_text
from lprnet.plates.plate import random_plate
from lprnet.plates.series import plain, series_of

LIECHTENSTEIN = """
name = "Liechtenstein"
[[kinds]]
name = "li"
patterns = ["FL|19999"]
[kinds.plate]
paints = { "black/silver" = 1 }
seal = "shield"
faces = { din = 1 }
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("countries") / "li.toml"
    path.write_text(LIECHTENSTEIN)
    return path


def test_every_kind_is_drawn_as_it_reads() -> None:
    rng = np.random.default_rng(0)
    for name, series in KINDS.items():
        plate = random_plate(rng, None if name in MIXES else name)
        assert plate.image.ndim == 3 and plate.image.dtype == np.uint8
        marked = series.random_text(rng)
        layout = series.layout(rng, marked)
        assert len(layout.cells) == len(plain(marked)), name
        assert set(plain(marked)) <= series.characters
        assert marked.count("/") == series.rows - 1 or series.plate.grid, name


def test_characters_stand_in_their_order_and_on_the_plate() -> None:
    rng = np.random.default_rng(1)
    for name in MIXES["latin"]:
        series = KINDS[name]
        for _ in range(5):
            layout = series.layout(rng, series.random_text(rng))
            for a, b in pairwise(layout.cells):
                assert b.left >= a.left + a.width - 0.01
            assert layout.cells[0].left >= 0
            assert layout.cells[-1].left + layout.cells[-1].width <= layout.width


def test_every_country_has_its_mix() -> None:
    for country in shipped():
        assert MIXES[country.code].keys() <= country.kinds.keys()
        assert all(KINDS[kind].rows == 1 for kind in MIXES[country.code])
    assert MIXES["eu"].keys() < MIXES["latin"].keys()
    assert not MIXES["cn"].keys() & MIXES["latin"].keys()


def test_crops_of_a_mix_are_the_same_again() -> None:
    crops = [crop for crop, _ in zip(stream(3, kind="latin"), range(120), strict=False)]
    assert len({crop.kind for crop in crops}) > 30
    assert set("".join(crop.text for crop in crops)) <= characters_of("latin")
    assert all(np.array_equal(c.image, render(3, i, kind="latin").image) for i, c in enumerate(crops[:20]))
    assert not set("".join(crop.text for crop in crops)) & set(MARKS)


def test_a_text_is_set_as_its_pattern_says() -> None:
    assert KINDS["fr"].marked("AB123CD") == "AB-123-CD"
    assert KINDS["nl"].marked("12BDF3") == "12-BDF-3"
    assert KINDS["fr"].marked("NOPLATE") == "NOPLATE"
    with pytest.raises(ValueError, match="has 3 characters"):
        KINDS["blue"].marked("ABC")


def test_syllables_of_a_region_stand_one_above_the_other() -> None:
    plate = random_plate(np.random.default_rng(3), "kr-region", "서울33바1234")
    upper, lower, digit = plate.kind.cells[:3]
    assert upper.left == lower.left and upper.top + upper.height <= lower.top
    assert digit.left >= lower.left + lower.width and digit.height > upper.height + lower.height
    assert plate.kind.first_row == 9


def test_hangul_stands_in_the_middle_of_its_row() -> None:
    plate = random_plate(np.random.default_rng(4), "kr-two-row", "서울52가1234")
    assert plate.kind.first_row == 4
    syllable, digit = plate.kind.cells[4:6]
    assert syllable.height < 0.85 * digit.height
    assert syllable.top + syllable.height / 2 == pytest.approx(digit.top + digit.height / 2)


def test_alphabets_of_mixes() -> None:
    assert len(alphabet_of()) == 73
    assert set("ÄŠØ") < set(alphabet_of("latin").characters)
    assert {"民", "航", "军"} < set(alphabet_of("cn").characters)
    korean = {c for name, series in KINDS.items() if series.country == "kr" for c in series.characters}
    assert set(alphabet_of("kr").readable) == korean, "those with two rows, too"


def test_a_file_of_ones_own_is_a_kind(own: Path) -> None:
    assert known(str(own)) and not known("atlantis")
    crop = render(1, 0, 0.0, str(own))
    assert crop.kind == "li" and crop.text.startswith("FL")
    assert characters_of(str(own)) == set("FL0123456789")
    assert crop.image.mean() < 110


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("din = 1", "gothic = 1", "there is no gothic"),
        ("black/silver", "mauve/silver", "there is no mauve"),
        ('seal = "shield"', "seal = 3", "Expected `str`"),
        ("paints", "paint", "paint"),
    ],
)
def test_looks_that_are_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = tmp_path / "li.toml"
    path.write_text(LIECHTENSTEIN.replace(old, new))
    with pytest.raises(FatalError, match=why):
        series_of(read(path), path)


def test_a_file_without_a_row_to_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "li.toml"
    path.write_text(LIECHTENSTEIN.replace('name = "li"', 'name = "li"\nrows = 2'))
    with pytest.raises(FatalError, match="no kind with one row"):
        known(str(path))


def test_districts_are_drawn_alike() -> None:
    rng = np.random.default_rng(0)
    firsts = {random_text(rng, "hr")[:2] for _ in range(400)}
    assert len(firsts) > 30
