from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_runtime.service.multipart import MOST_PARTS, Malformed, Part, parse_form

FORM = "multipart/form-data; boundary=x"


def form(*fields: tuple[str, bytes]) -> bytes:
    return (
        b"".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + data + b"\r\n"
            for name, data in fields
        )
        + b"--x--\r\n"
    )


def test_a_form_as_python_programs_send_it() -> None:
    """As of the `requests` package: a file without a type, then text."""
    body = (
        b'--5d1e\r\nContent-Disposition: form-data; name="min_confidence"\r\n\r\n0.4\r\n'
        b'--5d1e\r\nContent-Disposition: form-data; name="upload"; filename="upload"\r\n\r\n'
        b"\xff\xd8\r\n--5d\r\n\r\n"
        b"--5d1e--\r\n"
    )
    assert parse_form(body, "multipart/form-data; boundary=5d1e") == [
        Part("min_confidence", b"0.4", False),
        Part("upload", b"\xff\xd8\r\n--5d\r\n", True),
    ]


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="x"',
        "Multipart/Form-Data;boundary=x",
        'multipart/form-data; charset=utf-8; boundary="x"; more=1',
    ],
)
def test_ways_to_name_a_boundary(content_type: str) -> None:
    assert parse_form(form(("a", b"1"), ("b", b"")), content_type) == [
        Part("a", b"1", False),
        Part("b", b"", False),
    ]


def test_what_comes_before_the_first_boundary_is_passed_over() -> None:
    assert parse_form(b"hello\r\n" + form(("a", b"1")), FORM) == [Part("a", b"1", False)]
    assert parse_form(b"--x--\r\n", FORM) == []


def test_other_spellings_of_a_field() -> None:
    head = b"content-type: image/jpeg\r\nCONTENT-DISPOSITION: form-data; name=a; filename*=utf-8''x"
    body = b"--x\r\n" + head + b"\r\n\r\n1\r\n--x--"
    assert parse_form(body, FORM) == [Part("a", b"1", True)]


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (form(("a", b"1")), "application/json", "is not multipart"),
        (form(("a", b"1")), "multipart/form-data", "is not multipart"),
        (form(("a", b"1")), "multipart/form-data; boundary=" + "x" * 71, "is not multipart"),
        (form(("a", b"1")), "multipart/form-data; boundary=y", "holds no boundary"),
        (b"", FORM, "holds no boundary"),
        (form(("a", b"1"))[:-8], FORM, "ends early"),
        (b"--x", FORM, "ends early"),
        (b"--x\r\n", FORM, "ends early"),
        (b"--x\r\n\r\n1\r\n--x--", FORM, "without a name"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", FORM, "without a name"),
        (b"--x\r\nA: " + b"b" * 5000 + b"\r\n\r\n1\r\n--x--", FORM, "ends early"),
        (form(*[("a", b"")] * (MOST_PARTS + 1)), FORM, "has more than"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse_form(body, content_type)


@given(st.lists(st.tuples(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.binary(max_size=60)), max_size=5))
@example([("a", b"\r\n"), ("b", b"--x"[:2])])
def test_every_form_is_read_back(fields: list[tuple[str, bytes]]) -> None:
    boundary = "-----boundary-that-chance-does-not-make"
    body = form(*fields).replace(b"--x", f"--{boundary}".encode())
    if any(b"--x" in data for _, data in fields):
        return
    assert parse_form(body, f"multipart/form-data; boundary={boundary}") == [
        Part(name, data, False) for name, data in fields
    ]


@given(st.binary(max_size=200), st.text(max_size=60))
@example(b"--x\r\n" * 40, FORM)
def test_nothing_breaks_it(body: bytes, content_type: str) -> None:
    for kind in (FORM, content_type):
        with suppress(Malformed):
            parse_form(b"--x\r\n" + body, kind)
