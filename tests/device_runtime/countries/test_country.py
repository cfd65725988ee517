from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.countries.country import codes, expanded, named, read, shipped, shipped_country
from device_runtime.errors import FatalError
from device_runtime.read.grammar import for_alphabet

LATIN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ANDORRA = """
name = "Andorra"
letters = "A-HJ-NP-Z"
[codes]
x = ["AD", "CD"]
[[kinds]]
name = "ad"
patterns = ["A 9999", [0.1, "x-199"]]
"""


def test_countries_that_are_shipped() -> None:
    europe = {
        "at",
        "be",
        "bg",
        "cy",
        "cz",
        "de",
        "dk",
        "ee",
        "es",
        "fi",
        "fr",
        "gr",
        "hr",
        "hu",
        "ie",
        "it",
        "lt",
    }
    europe |= {"lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk", "gb", "no", "ch", "ua", "rs", "tr"}
    assert europe | {"cn", "us", "br", "in", "ru", "kr", "vn", "zz"} <= set(codes())
    names = [kind for country in shipped() for kind in country.kinds]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MAB1234", "de"),
        ("BTF857H", "de"),
        ("AB123CD", "fr"),
        ("W584RP", "at"),
        ("ZH86183", "ch"),
        ("KC636DO", "hr"),
        ("LE04EVW", "gb"),
        ("B96TRH", "ro"),
        ("1AAL547", "be"),
        ("ABC1D23", "br"),
        ("34EN9199", "tr"),
        ("A123BC77", "ru"),
        ("MH12AB1234", "in"),
    ],
)
def test_texts_of_countries(text: str, code: str) -> None:
    assert for_alphabet(LATIN + "Č", [code]).accepts(text)
    assert for_alphabet(LATIN).accepts(text)


def test_a_letter_is_no_digit_where_the_country_has_none() -> None:
    french = for_alphabet(LATIN, ["fr"])
    assert french.accepts("AA123BB") and not french.accepts("AO123BB") and not french.accepts("AA12OBB")
    assert for_alphabet(LATIN, ["fr", "de"]).accepts("BO123")


def test_grammar_of_the_army_needs_a_reader_of_every_kind() -> None:
    """A lost province must not make a plate of another kind."""
    china = shipped_country("cn")
    everything = "".join(china.characters)
    assert for_alphabet(everything).kind("VA12345") == "military"
    assert for_alphabet(everything).kind("民航B0150") == "civil aviation"
    assert for_alphabet([c for c in everything if c != "军"]).kind("VA12345") is None


def test_marks_stand_between_the_characters_of_a_text() -> None:
    (german,) = shipped_country("de").kinds.values()
    assert german.patterns[0].marked("BA123") == "B|A 123"
    assert german.patterns[0].marked("BA12") is None
    assert "O" in german.patterns[0].characters


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "ad.toml"
    path.write_text(ANDORRA)
    grammar = for_alphabet(LATIN, [str(path)])
    assert grammar.accepts("B1234") and grammar.accepts("CD123")
    assert not grammar.accepts("CD012") and not grammar.accepts("O1234")
    assert read(path).kinds["ad"].patterns[1].weight == 0.1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ", "Invalid value"),
        ('name = "X"', "missing required field `kinds`"),
        (ANDORRA + "colour = 1", "colour"),
        (ANDORRA.replace("letters", "leters"), "leters"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(FatalError, match=why):
        read(path)


def test_a_country_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="no such file"):
        named("atlantis")
    with pytest.raises(FatalError, match="No such file"):
        named(str(tmp_path / "none.toml"))


def test_ranges() -> None:
    assert expanded("A-CX0-2") == "ABCX012"


def test_the_file_that_the_document_shows() -> None:
    docs = Path(__file__).parents[3] / "docs"
    shown = (docs / "plates.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert shown == (docs / "ad.toml").read_text(encoding="utf-8")
    assert for_alphabet(LATIN, [str(docs / "ad.toml")]).accepts("AB123")
