from __future__ import annotations

import pytest

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES, for_alphabet

PLATE_ALPHABET = (*PROVINCES, *DIGITS, *LETTERS, "I", "O", "-")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("京A12345", "ordinary"),
        ("粤BD12345", "new energy, small"),
        ("粤B12345F", "new energy, large"),
        ("京O1234警", None),
        ("京A1234警", "special"),
        ("浙B1234学", "special"),
        ("粤Z1234港", "Hong Kong and Macao"),
        ("粤A1234港", None),
        ("123456使", "embassy"),
        ("使123456", "embassy, before 2018"),
        ("京A1234I", None),
        ("A12345", None),
        ("京A123456", None),
        ("京A1234", None),
        ("京112345", None),
        ("", None),
    ],
)
def test_kinds_of_plates(text: str, kind: str | None) -> None:
    assert for_alphabet(PLATE_ALPHABET + tuple("警学挂港澳使领")).kind(text) == kind


def test_grammar_knows_only_the_alphabet() -> None:
    assert for_alphabet("01").patterns == {}
    assert "special" not in for_alphabet(PLATE_ALPHABET).patterns
    assert not for_alphabet([c for c in PLATE_ALPHABET if c != "京"]).accepts("京A12345")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12가3456", "kr"),
        ("123하4567", "kr"),
        ("서울33바1234", "kr-region"),
        ("서울52가1234", "kr-two-row"),
        ("외교001001", "kr-diplomat"),
        ("33바1234", None),
        ("울서33바1234", None),
        ("12가34567", None),
    ],
)
def test_korean_plates(text: str, kind: str | None) -> None:
    """A region is two characters, and its plates have the letters of commercial vehicles."""
    grammar = for_alphabet(DIGITS + "가하바아자서울외교부산")
    assert grammar.kind(text) == kind
