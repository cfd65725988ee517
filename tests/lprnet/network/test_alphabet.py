from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from device_runtime.read.grammar import PROVINCES
from lprnet.network.alphabet import (
    KNOWN,
    OWN,
    PUBLIC,
    Alphabet,
    described,
    known_with,
    make_alphabet,
    parse_alphabet,
    read_class_list,
)


def test_public_alphabet_is_the_public_checkpoints() -> None:
    assert len(PUBLIC) == 68
    assert "".join(PUBLIC.characters[:31]) == PROVINCES
    assert "".join(PUBLIC.characters[31:]) == "0123456789ABCDEFGHJKLMNPQRSTUVWXYZIO-"
    assert PUBLIC.blank == 67


def test_own_alphabet_has_the_marks_of_special_plates() -> None:
    assert not OWN.unknown("京A0001警粤Z12学挂港澳使领")
    assert OWN.unknown("京I0O") == {"I", "O"}
    assert OWN.characters[OWN.blank] == "-"


def test_encode() -> None:
    assert PUBLIC.encode("京A0") == [0, 41, 31]


def test_encode_refuses_the_blank_and_strangers() -> None:
    with pytest.raises(FatalError, match="'-' is not in the alphabet"):
        PUBLIC.encode("京A-0")
    with pytest.raises(FatalError, match=r"label 京警.*'警'"):
        PUBLIC.encode("京警")


def test_ranges() -> None:
    assert parse_alphabet("0-9A-CÄ") == make_alphabet("0123456789ABCÄ")
    assert parse_alphabet("京A-A") == make_alphabet("京A")
    with pytest.raises(FatalError, match="C-A runs backwards – write A-C"):
        parse_alphabet("0-9C-A")
    with pytest.raises(FatalError, match="listed twice: A"):
        parse_alphabet("AA-C")


def test_json_round_trip() -> None:
    for alphabet in (PUBLIC, OWN, make_alphabet("ÄÖ", blank="␣")):
        assert Alphabet.from_json(alphabet.to_json()) == alphabet


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "not JSON"),
        ('{"a": 1}', "not a list of strings"),
        ('["a", 1]', "not a list of strings"),
        ('["a"]', "1 classes"),
        ('["a", ""]', "class 1 is empty"),
        ('["a", "b", "a"]', "listed twice: a"),
    ],
)
def test_bad_json(text: str, why: str) -> None:
    with pytest.raises(FatalError, match=why):
        Alphabet.from_json(text)


@pytest.mark.parametrize(
    ("listed", "blank", "classes", "name", "number"),
    [
        ("0-9A-Z", None, 37, "-", 36),
        ("0-9 A-Z -", None, 37, "-", 36),
        ("0-9A-Z", None, 36, "Z", 35),
        ("0-9A-Z", "Z", 36, "Z", 35),
        ("0-9 A B C E H K M O P T X Y", None, 22, "Y", 21),
        ("alnum", None, 37, "-", 36),
        ("alnum", None, 36, "Z", 35),
        ("0-9A-Z-", None, 38, "_", 37),
        ("- 0-9A-Z", "-", 37, "-", 0),
        ("- 0-9A-Z", "first", 37, "-", 0),
        ("0-9A-Z", "first", 37, "-", 0),
        ("A-Z0-9", "30", 36, "4", 30),
        ("0,1,2,3", "␣", 5, "␣", 4),
        ("0-9A-Z", None, None, "-", 36),
        ("0-9A-Z-", None, None, "-", 36),
    ],
)
def test_the_blank(listed: str, blank: str | None, classes: int | None, name: str, number: int) -> None:
    alphabet = read_class_list(listed).alphabet(blank, classes)
    assert (alphabet.characters[alphabet.blank], alphabet.blank) == (name, number)
    assert len(alphabet) == (classes or 37)
    assert name not in alphabet.readable and name in alphabet.unknown(name)


def test_characters_that_are_also_marks_of_file_names() -> None:
    alphabet = read_class_list("0-9A-Z-_").alphabet("∅")
    assert alphabet.encode("A-1_") == [10, 36, 1, 37]


def test_class_lists_in_files(tmp_path: Path) -> None:
    wanted = make_alphabet("AÄ-", "_")
    for text in (
        "A\nÄ\n-\n",
        "A\r\nÄ\r\n-",
        "AÄ-\n",
        "['A', 'Ä', '-']",
        '["A",\n"Ä",\n"-"]\n',
        "\ufeffA\nÄ\n-\n",
    ):
        (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
        assert read_class_list(str(tmp_path / "classes.txt")).alphabet(None, 4) == wanted, text
    for text, why in (("", "empty"), ("[1, 2]", "not a list of strings")):
        (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(FatalError, match=why):
            read_class_list(str(tmp_path / "classes.txt"))
    with pytest.raises(FatalError, match="no such file"):
        read_class_list(str(tmp_path / "nowhere.txt"))


def test_known_lists() -> None:
    assert known_with(37) == ["alnum (0-9 A-Z -)", "alnum-io (0-9 A-H J-N P-Z I O -)"]
    assert known_with(22) == ["russia (0-9 A-C E H K M O P T X Y)"]
    assert known_with(1000) == []
    for name, alphabet in KNOWN.items():
        assert read_class_list(name).alphabet(None, len(alphabet)) == alphabet
        assert parse_alphabet(described(alphabet.readable)) == alphabet


def test_a_count_that_does_not_fit() -> None:
    with pytest.raises(
        FatalError, match=r"37 classes with its blank -, but the network has 68 – .*cn-public"
    ):
        read_class_list("0-9A-Z").alphabet(None, 68)
    with pytest.raises(FatalError, match="--blank 40: there are classes 0 to 35"):
        read_class_list("0-9A-Z").alphabet("40", 36)
