from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.follow.look_alike import SAME, SIMILAR, distance, folded
from host.store.plates import MAX_DISTANCE, looks_of, one_edit, ranges

TEXTS = st.text("粤BM8N01IL7T2ZQ5", min_size=3, max_size=9)


@st.composite
def near(draw: st.DrawFn) -> tuple[str, str]:
    """A text and one that is a few edits from it."""
    text = draw(TEXTS)
    other = list(text)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(len(other) - 1, 0)))
        other[place : place + draw(st.integers(0, 1))] = draw(st.text("粤BM8N01IL7T2ZQ5", max_size=1))
    return text, "".join(other)


@settings(max_examples=400, deadline=None)
@given(near(), st.sampled_from([0.0, 0.5, 1.0, MAX_DISTANCE]))
def test_every_plate_that_looks_so_near_is_looked_at(pair: tuple[str, str], most: float) -> None:
    text, other = pair
    if distance(text, other, most) > most:
        return
    looks, found = looks_of(text), looks_of(other)
    assert one_edit(looks.folded, found.folded)
    assert any(one.first <= getattr(found, one.column) <= one.last for one in ranges(looks, most))


def test_look_alikes_have_one_class() -> None:
    for group in (*SAME, *SIMILAR):
        assert len({looks_of(character).folded for character in group}) == 1
    assert looks_of("粤B12345").folded != looks_of("粤B13345").folded
    assert looks_of("粤812345").folded == looks_of(folded("粤812345")).folded


def test_one_edit_is_one_character_replaced_missing_or_too_many() -> None:
    for other in ("ABCD", "ABXD", "XBCD", "ABCX", "ABC", "BCD", "ABXCD", "XABCD", "ABCDX"):
        assert one_edit("ABCD", other) and one_edit(other, "ABCD"), other
    for other in ("ABDC", "AB", "XBCX", "ABCDEF", "BCDA", ""):
        assert not one_edit("ABCD", other) and not one_edit(other, "ABCD"), other
