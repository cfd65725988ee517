from __future__ import annotations

import pytest

from device_runtime.errors import FatalError
from device_runtime.service.address import Address, parse_address, token_for

LONG = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("5000", "127.0.0.1", 5000, True),
        (":8081", "127.0.0.1", 8081, True),
        ("localhost:8081", "localhost", 8081, True),
        ("127.0.0.2:1", "127.0.0.2", 1, True),
        ("[::1]:8081", "::1", 8081, True),
        ("0.0.0.0:8081", "0.0.0.0", 8081, False),
        ("[::]:8081", "::", 8081, False),
        ("board.lan:0", "board.lan", 0, False),
    ],
)
def test_addresses(text: str, host: str, port: int, loopback: bool) -> None:
    assert parse_address(text) == Address(host, port)
    assert parse_address(text).is_loopback is loopback
    assert parse_address(str(parse_address(text))) == parse_address(text)


@pytest.mark.parametrize(
    "text", ["", ":", "x", "localhost", "1:2:3", "::1:5", "65536", "-1", "a b:1", "http://x:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not \[HOST:\]PORT"):
        parse_address(text)


def test_others_need_a_token() -> None:
    everywhere = Address("0.0.0.0", 8081)
    assert token_for(Address("127.0.0.1", 8081), "--view", "LPR_VIEW_TOKEN", {}) is None
    assert token_for(everywhere, "--view", "LPR_VIEW_TOKEN", {"LPR_VIEW_TOKEN": LONG}) == LONG
    with pytest.raises(FatalError, match=r"--view 0.0.0.0:8081: can be reached .* LPR_VIEW_TOKEN_FILE"):
        token_for(everywhere, "--view", "LPR_VIEW_TOKEN", {"LPR_TOKEN": LONG})
    with pytest.raises(FatalError, match="shorter than 16") as caught:
        token_for(everywhere, "--view", "LPR_VIEW_TOKEN", {"LPR_VIEW_TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)
