"""Standard output and error of a program: open, and without what C libraries print about damaged pictures.

libjpeg and libpng write a line to descriptor 2 for each, which does not name it: where a camera sends damaged
ones, thirty a second, all day. OpenCV cannot be asked to keep them. So Python writes to a copy, and while a
picture is being decoded descriptor 2 leads nowhere.

    sys.stderr ──▶ copy ──▶ terminal, journal
    C libraries ─▶ 2 ─┬───────▲
                      └─ hushed ─▶ /dev/null
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

OUTPUT, ERROR = 1, 2


class _Ways(NamedTuple):
    """Descriptors: the copy of standard error, and /dev/null."""

    error: int
    nowhere: int


_ways: _Ways | None = None


def prepare() -> None:
    """Set both up, before a program opens anything else.

    One that is closed leads to /dev/null: else the next file that is opened has its number, and would be
    written to.
    """
    global _ways
    for number, name in ((OUTPUT, "stdout"), (ERROR, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            setattr(sys, name, _text(number, None))
    _ways = _Ways(os.dup(ERROR), os.open(os.devnull, os.O_WRONLY))
    sys.stderr = _text(_ways.error, sys.stderr.encoding)


def _text(descriptor: int, encoding: str | None) -> TextIO:
    # Lines stay whole where several threads write some.
    return os.fdopen(
        descriptor, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False
    )


def error_descriptor() -> int:
    """Where lines on standard error go."""
    return ERROR if _ways is None else _ways.error


@contextmanager
def hushed() -> Iterator[None]:
    """While in the block, what C libraries print on standard error goes nowhere, if `prepare` was called."""
    if _ways is None:
        yield
        return
    os.dup2(_ways.nowhere, ERROR)
    try:
        yield
    finally:
        os.dup2(_ways.error, ERROR)
