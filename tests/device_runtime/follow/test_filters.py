from __future__ import annotations

import pytest

from device_runtime.follow.filters import Filters, PlateList
from device_runtime.follow.settings import Settings


def test_look_alikes_are_on_a_list_and_others_within_its_distance() -> None:
    exact, near = PlateList(["粤B·12345", "AB 808"]), PlateList(["粤B·12345", "AB 808"], 1)
    assert exact.find("粤812345") == "粤B·12345" and exact.find("A8B0B") == "AB 808"
    assert exact.find("粤B12346") is None and near.find("粤B12346") == "粤B·12345"
    assert near.find("粤B12366") is None and PlateList([]).find("A") is None


def test_lists_let_pass() -> None:
    both = Filters.of(Settings(allow=("AB1", "AB7"), deny=("AB7",)))
    assert [both.is_wanted(text) for text in ("AB1", "AB7", "XY1")] == [True, False, False]
    assert Filters.of(Settings(deny=("AB7",))).is_wanted("XY1")


def test_pattern_and_grammar_take_the_whole_text() -> None:
    filters = Filters.of(Settings(pattern=r"[A-Z]{2}\d+", grammar=True), lambda text: len(text) < 6)
    assert [filters.is_plate(text) for text in ("AB12", "AB-12", "AB12X", "AB12345")] == [
        True,
        True,
        False,
        False,
    ]
    assert not Filters.of(Settings(pattern=".*")).is_plate("A" * 17)


def test_a_grammar_that_is_not_there_is_said() -> None:
    with pytest.raises(ValueError, match="grammar"):
        Filters.of(Settings(grammar=True))
