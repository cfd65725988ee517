from __future__ import annotations

import math
from pathlib import Path

import pytest

from device_runtime.countries import country
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


LATIN = (*DIGITS, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_what_more_plates_read_is_more_frequent() -> None:
    grammar = for_alphabet(LATIN)
    frequent = grammar.log_frequency
    assert frequent("OLC4728") > frequent("0LC4728")  # Brazil and others; none but personal plates
    assert frequent("4NZZ935") > frequent("LNZZ935")  # California; Canada's personal ones
    assert frequent("FF788NK") > frequent("FF78BNK")  # France, Italy and others; Britain
    assert frequent("A") == -math.inf


def test_frequencies_are_those_of_the_files() -> None:
    """A country's share is spread over its kinds, a kind's over its patterns."""
    grammar = for_alphabet(LATIN, ["br", "fr"])
    (old,) = {pattern for pattern in grammar.patterns["br-old"]}
    br, fr = country.shipped_country("br"), country.shipped_country("fr")
    shares = {name: kind.share for name, kind in br.kinds.items()}
    expected = br.file.share * shares["br-old"] / sum(shares.values())
    assert sum(grammar.shares["br-old"]) == pytest.approx(expected)
    assert sum(sum(several) for several in grammar.shares.values()) == pytest.approx(
        br.file.share + fr.file.share
    )
    assert len(old) == 7


@pytest.mark.parametrize("countries", [["br"], ["cn", "br"], ["cn"]])
def test_one_country_has_no_frequencies_nor_have_some(countries: list[str]) -> None:
    """All its plates are as good; and no file says how frequent China's texts are."""
    grammar = for_alphabet((*PLATE_ALPHABET, *LATIN), countries)
    assert not grammar.shares
    assert grammar.log_frequency("OLC4728" if "br" in countries else "京A12345") == 0


def test_codes_of_digits_and_of_letters_are_not_mixed() -> None:
    """France's districts are 01 to 95, 2A and 2B."""
    grammar = for_alphabet(LATIN, ["fr"])
    assert [grammar.accepts(f"9343ZH{code}") for code in ("68", "2B", "6B", "B6")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "zero", ["share = 0", "[[kinds]]\nname = 'x'\nshare = 0", "places = { y = [[0, '0-9']] }"]
)
def test_files_without_shares_leave_all_texts_equal(tmp_path: Path, zero: str) -> None:
    kinds = (
        f"{zero}\npatterns = ['A99y']"
        if zero.startswith("[[")
        else (f"{zero}\n[[kinds]]\nname = 'x'\npatterns = ['A99y']")
    )
    places = "" if "places" in zero else "places = { y = '0-9' }\n"
    path = tmp_path / "x.toml"
    path.write_text(f"name = 'X'\n{places}{kinds}\n")
    grammar = for_alphabet(LATIN, ["de", str(path)])
    assert grammar.accepts("A123") and not grammar.shares
    assert grammar.log_frequency("A123") == 0
