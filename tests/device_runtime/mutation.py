"""Damaged versions of what programs are given: deterministic, and quicker than drawing them from a grammar.

Bytes are damaged as lines and disks do it; JSON and TOML also as a value, so that what is wrong lies deep in
something that is otherwise right.
"""

from __future__ import annotations

import json
import marshal
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from device_runtime.console import one_line
from device_runtime.errors import FatalError

T = TypeVar("T")

HANGS_S = 120
"""Of processor time, far more than all cases of a test take."""

CHUNKS = (
    *(b"", b"\0", b"\n", b"\r\n", b" ", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"#", b"=", b"[a]"),
    *(
        b"[" * 2000,
        b'{"a":' * 300,
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x1b[2J",
        b"00000000 ",
    ),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000),
    *(b"1979-05-27T07:32:00Z", b"\xa5\x5a", b"\xa5"),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        255,
        1 << 16,
        (1 << 31) - 1,
        1 << 32,
        (1 << 53) + 1,
        1 << 63,
        -(1 << 64),
    ),
    *(10**30, 0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, float("nan"), float("inf")),
    *("", "a", "../x", "/etc/passwd", "\0", "\n", "\x1b[31m", "é", "\u202e", "\U0001f600", "x" * 10_000),
    *("2026-01-01T00:00:00Z", "event", [], [[]], [1, 2, 3, 4], [None], ["a", 1]),
    *({}, {"": None}, {"a": {"a": {}}}, {"item_version": 2}),
)


class Mutator:
    """Draws damage; the same *seed* gives the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def damaged(self, data: bytes, others: Sequence[bytes] = ()) -> bytes:
        """*data* with one to four things wrong in it, some of them pieces of *others*."""
        changed = bytearray(data)
        for _ in range(self.random.choice((1, 1, 2, 4))):
            self._damage(changed, others)
        return bytes(changed)

    def _damage(self, data: bytearray, others: Sequence[bytes]) -> None:
        draw = self.random
        begin = draw.randrange(len(data) + 1)
        end = min(len(data), begin + draw.choice((0, 1, 2, 4, 16, 64, 1000)))
        kind = draw.randrange(8)
        if kind == 0 and data:
            data[begin % len(data)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[begin:end]
        elif kind == 2:
            data[begin:end] = draw.randbytes(draw.choice((1, 2, 8, 64)))
        elif kind == 3:
            data[begin:end] = draw.choice(CHUNKS)
        elif kind == 4:
            data[begin:begin] = data[begin:end] * draw.choice((1, 2, 20))
        elif kind == 5:
            del data[begin:]
        elif kind == 6 and others:
            other = draw.choice(others)
            cut = draw.randrange(len(other) + 1)
            data[begin:end] = other[cut : cut + draw.choice((4, 40, 4000))]
        else:
            where = draw.randrange(len(data) + 1)
            piece = bytes(data[begin:end])
            del data[begin:end]
            data[where:where] = piece

    def wrong(self, value: Any) -> Any:
        """A copy of *value*, of dictionaries and lists, that is wrong in one or two places."""
        changed = _copied(value)
        for _ in range(self.random.choice((1, 1, 2))):
            changed = self._wrong(changed)
        return changed

    def _wrong(self, value: Any) -> Any:
        draw = self.random
        places = list(_places(value))
        if not places:
            return self._value()
        parent, key = draw.choice(places)
        kind = draw.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[str(self._value())[:50]] = parent.pop(key)
        elif kind == 2:
            other, name = draw.choice(places)
            parent[key] = _copied(other[name])
        elif kind == 3 and isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
            parent[key] = draw.choice((-parent[key], parent[key] + 1, parent[key] * 1000, parent[key] / 3))
        elif kind == 4 and isinstance(parent[key], str):
            text = parent[key]
            at = draw.randrange(len(text) + 1)
            parent[key] = text[:at] + str(self._value())[:50] + text[at + draw.choice((0, 1)) :]
        else:
            parent[key] = self._value()
        return value

    def _value(self) -> Any:
        return _copied(self.random.choice(VALUES))

    def json(self, value: Any, others: Sequence[bytes] = ()) -> bytes:
        """JSON of *value* with something wrong in the value, in the text, or in both."""
        kind = self.random.randrange(4)
        text = json.dumps(self.wrong(value) if kind else value).encode()
        return text if kind > 1 else self.damaged(text, others)


def _copied(value: Any) -> Any:
    """As `copy.deepcopy`, ten times as fast."""
    return marshal.loads(marshal.dumps(value))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def refused(parse: Callable[..., T], *arguments: object, also: type[Exception] | tuple[()] = ()) -> T | None:
    """What *parse* returns for *arguments*; None where it refuses in one printable line, or with *also*.

    Any other exception passes.
    """
    try:
        return parse(*arguments)
    except FatalError as error:
        shown = one_line(f"error: {error}")
        assert "\n" not in shown and "\x1b" not in shown and len(shown) < 50_000, shown[:300]
        return None
    except also:
        return None


@contextmanager
def not_hanging(what: str) -> Iterator[None]:
    """Fail where the block takes for ever."""

    def hangs(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"{what} hangs")

    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, HANGS_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
