from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_runtime.delivery.destination import (
    FileDestination,
    HttpDestination,
    SerialDestination,
    parse_destination,
)
from device_runtime.errors import FatalError


@pytest.mark.parametrize(
    ("text", "meant", "shown"),
    [
        ("file:a/b.jsonl", FileDestination(Path("a/b.jsonl")), "file:a/b.jsonl"),
        ("file:/var/log/a b", FileDestination(Path("/var/log/a b")), "file:/var/log/a b"),
        ("serial:/dev/ttyS0@9600", SerialDestination("/dev/ttyS0", 9600), "serial:/dev/ttyS0@9600"),
        ("serial:/dev/ttyUSB0", SerialDestination("/dev/ttyUSB0", 115_200), "serial:/dev/ttyUSB0@115200"),
        ("http://h", HttpDestination("http", "h", 80, "/"), "http://h:80/"),
        ("https://h.de:8443/in?key=s3cret", HttpDestination("https", "h.de", 8443, "/in?key=s3cret"),
         "https://h.de:8443/in"),
        ("https://[::1]/x", HttpDestination("https", "::1", 443, "/x"), "https://[::1]:443/x"),
        ("http://H/größe", HttpDestination("http", "h", 80, "/gr%C3%B6%C3%9Fe"), "http://h:80/gr%C3%B6%C3%9Fe"),
    ],
)  # fmt: skip
def test_destinations(text: str, meant: object, shown: str) -> None:
    assert parse_destination(text) == meant
    assert str(parse_destination(text)) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'': is no destination – give file:PATH, serial:/dev/PORT@BAUD or https://HOST/PATH"),
        ("report.json", "'report.json': is no destination"),
        ("file:", "file:…: is no destination"),
        ("ftp://user:s3cret@h/", "ftp:…: is no destination"),
        ("serial:", "serial:: does not begin with the path of a port"),
        ("serial:COM1@9600", "serial:COM1@9600: does not begin with the path of a port"),
        ("serial:/dev/ttyS0@fast", "serial:/dev/ttyS0@fast: 'fast' is no speed from 300 to 4000000 baud"),
        ("serial:/dev/ttyS0@5", "serial:/dev/ttyS0@5: '5' is no speed"),
        ("serial:/dev/ttyS0@", "serial:/dev/ttyS0@: '' is no speed"),
        ("http:/h", "http://…: has no host's name"),
        ("http://h:99999/", "http://…: is no web address"),
        ("http://h:0/", "http://…: has no host's name"),
        ("http://[h/", "http://…: is no web address"),
        ("https://user:s3cret@h/", "https://…@…: holds a user's name or password – leave it out"),
        ("https://s3cret@h/", "https://…@…: holds a user's name or password – leave it out"),
        ("https://h/#s3cret", "https://h/…#…: has a fragment"),
        ("http://h/\r\nX: y", "destination: holds characters that cannot be printed"),
    ],
)
def test_what_is_none_is_refused_in_one_line_without_secrets(text: str, said: str) -> None:
    with pytest.raises(FatalError) as caught:
        parse_destination(text)
    assert str(caught.value).startswith(said) and "s3cret" not in str(caught.value)


@given(st.one_of(st.text(), st.text().map("http://".__add__), st.text().map("serial:/dev/".__add__)))
def test_any_text_is_a_destination_or_refused_in_one_line(text: str) -> None:
    try:
        found = parse_destination(text)
    except FatalError as error:
        assert "\n" not in str(error)
    else:
        assert "\n" not in str(found)
