from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.sources.address import parse_address, shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rtsp://joe:secret@cam:554/live", "rtsp://cam:554/live"),
        ("RTSP://joe@cam/live", "RTSP://cam/live"),
        ("rtsp://joe:se@cret@cam/live", "rtsp://cam/live"),
        ("rtsp://joe:se/cret@cam/live", "rtsp://cam/live"),
        ("rtsp://joe:12/cret@cam/live", "rtsp://cam/live"),
        ("rtsp://joe:se?c#ret@cam/live", "rtsp://cam/live"),
        ("http://cam/a@b", "http://cam/a@b"),
        ("http://cam/v?user=joe&pwd=secret&size=2", "http://cam/v?user=…&pwd=…&size=2"),
        ("http://cam/v?Access_Token=secret", "http://cam/v?Access_Token=…"),
        ("http://[::1]:81/v", "http://[::1]:81/v"),
        ("/dev/video0", "/dev/video0"),
        ("0", "0"),
    ],
)
def test_what_is_shown_of_an_address(text: str, name: str) -> None:
    assert shown(text) == name


@given(st.text("abc123:@/?#.&=%", max_size=12), st.sampled_from(["rtsp", "http", "x"]))
def test_a_password_is_never_shown(password: str, scheme: str) -> None:
    for login in (f"joe:SECRET{password}", f"joe:{password}SECRET", f"SECRET:{password}"):
        assert "SECRET" not in shown(f"{scheme}://{login}@cam/live")


def test_the_parts_of_an_address() -> None:
    address = parse_address("rtsp://j%40e:p%3As@Cam.local/live?x=1")
    assert (address.scheme, address.host, address.port) == ("rtsp", "Cam.local", 554)
    assert (address.user, address.password) == ("j@e", "p:s")
    assert address.plain == "rtsp://Cam.local/live?x=1"
    assert "p%3As" not in repr(address) and "p:s" not in repr(address)
    assert parse_address("http://[fe80::1]:81/").host == "fe80::1"
    assert parse_address("http://cam:81").port == 81
    assert parse_address("https://cam").port == 443
    assert parse_address("udp://:5000").host == ""


@pytest.mark.parametrize("text", ["rtsp://cam:99999/", "rtsp://cam:x/", "rtsp://a b/", "://cam", "1x://cam"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text)
    assert "cam:" not in str(caught.value)


def test_a_slash_in_a_password_is_explained() -> None:
    with pytest.raises(ValueError, match="%2F"):
        parse_address("rtsp://joe:se/cret@cam/live")
