from lprnet.network.alphabet import OWN, PUBLIC
from lprnet.plates.kinds import can_write


def test_which_alphabets_can_be_rendered() -> None:
    assert can_write(OWN)
    assert not can_write(PUBLIC)  # no 警
    assert can_write(PUBLIC, "blue") and can_write(PUBLIC, "eu")
    assert not can_write(OWN, "eu")  # no I, no O
