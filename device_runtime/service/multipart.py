"""Forms with files as browsers and programs send them: multipart/form-data, RFC 7578."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_PARTS = 32
_HEAD_BYTES = 4 << 10


class Malformed(ValueError):
    """A body that is no form."""


@dataclass(frozen=True)
class Part:
    """A field of a form.

    Attributes:
        name: of the field.
        data: its value, or the file's content.
        is_file: whether it came with a file's name.
    """

    name: str
    data: bytes
    is_file: bool


def parse_form(body: bytes, content_type: str) -> list[Part]:
    """The fields of a form, in order.

    Args:
        body: the whole of it.
        content_type: the request's header, which names the boundary between fields.

    Raises:
        Malformed: it is no form, it ends early, or it has more than `MOST_PARTS` fields.
    """
    found = re.fullmatch(
        # RFC 2046, 5.1.1.
        r"""multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?""",
        content_type.strip(),
        re.IGNORECASE,
    )
    if found is None:
        raise Malformed("is not multipart/form-data with a boundary")
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", errors="replace")
    # The first boundary may stand at the very beginning.
    at = 0 if body.startswith(boundary) else body.find(b"\r\n" + boundary) + 2
    if at == 1:
        raise Malformed("holds no boundary")
    parts: list[Part] = []
    at += len(boundary)
    while body[at : at + 2] != b"--":
        if len(parts) == MOST_PARTS:
            raise Malformed(f"has more than {MOST_PARTS} fields")
        head_at = body.find(b"\r\n", at) + 2
        data_at = body.find(b"\r\n\r\n", head_at - 2, head_at + _HEAD_BYTES) + 4
        end = body.find(b"\r\n" + boundary, data_at - 2)
        if head_at == 1 or data_at == 3 or end == -1:
            raise Malformed("ends early")
        name, is_file = _disposition(body[head_at : data_at - 4])
        parts.append(Part(name, body[data_at : max(end, data_at)], is_file))
        at = end + 2 + len(boundary)
    return parts


def _disposition(head: bytes) -> tuple[str, bool]:
    """The field's name, and whether it is a file."""
    for line in head.decode("utf-8", errors="replace").split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == "content-disposition":
            name = re.search(r""";\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))""", value, re.IGNORECASE)
            if name is not None:
                return name[1] if name[1] is not None else name[2], bool(
                    re.search(r";\s*filename\*?=", value, re.IGNORECASE)
                )
    raise Malformed("has a field without a name")
