from __future__ import annotations

from device_runtime.secret import read_token
from host.store.token import matches, name_of, new_token


def test_a_token_matches_what_was_kept_of_it_and_nothing_else() -> None:
    one, other = new_token(), new_token()
    assert matches(one.text, one.hash) and not matches(other.text, one.hash)
    assert not matches(one.text, None) and not matches(one.text, bytes(32))
    assert name_of(one.text) == one.name != other.name
    secret = one.text.rpartition(".")[2]
    assert len(secret) == 43 and secret not in repr(one) and secret.encode() not in one.hash


def test_boards_take_it_for_a_bearer_token() -> None:
    text = new_token().text
    assert read_token({"LPR_TOKEN": text}) == text


def test_what_is_no_token_has_no_name() -> None:
    for text in ("", "lpr1", "lpr1.a", "lpr2.a.b", "lpr1.a.b.c", "lpr1.ä.b"):
        assert name_of(text) is None
