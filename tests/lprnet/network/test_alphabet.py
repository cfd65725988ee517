import pytest

from device_runtime.errors import FatalError
from device_runtime.read.grammar import PROVINCES
from lprnet.network.alphabet import OWN, PUBLIC, Alphabet, make_alphabet, parse_alphabet


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
