from __future__ import annotations

import asyncio
import gzip
from collections.abc import MutableMapping
from typing import Any

import pytest

from host.collect.answers import Receive, Refused
from host.collect.body import BodyLimits, BodyReader, Gone

LIMITS = BodyLimits(most_bytes=1000, silent_s=0.05, whole_s=0.2, under_way_bytes=1500)


def in_pieces(*pieces: bytes | None, pause_s: float = 0.0) -> Receive:
    """A client that sends *pieces*; it goes away at None, and never ends where nothing is left."""
    left = list(pieces)

    async def receive() -> MutableMapping[str, Any]:
        if not left:
            await asyncio.sleep(60)
        await asyncio.sleep(pause_s)
        piece = left.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    return receive


def read(receive: Receive, **headers: bytes) -> bytes:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return asyncio.run(BodyReader(LIMITS).read(named, receive))


def test_a_body_is_put_together_and_decompressed() -> None:
    assert read(in_pieces(b"ab", b"c", b"")) == b"abc"
    packed = gzip.compress(b"abc" * 300)
    assert read(in_pieces(packed[:9], packed[9:], b""), content_encoding=b" GZIP") == b"abc" * 300


@pytest.mark.parametrize(
    ("receive", "headers", "status"),
    [
        (in_pieces(b"x" * 600, b"x" * 600, b""), {}, 413),
        (in_pieces(b""), {"content_length": b"1001"}, 413),
        (in_pieces(b""), {"content_length": b"9" * 400}, 413),
        (in_pieces(gzip.compress(bytes(1001)), b""), {"content_encoding": b"gzip"}, 413),
        (in_pieces(gzip.compress(bytes(900_000)), b""), {"content_encoding": b"gzip"}, 413),
        (in_pieces(b"no gzip", b""), {"content_encoding": b"gzip"}, 400),
        (in_pieces(gzip.compress(b"half")[:-3], b""), {"content_encoding": b"gzip"}, 400),
        (in_pieces(gzip.compress(b"a") + b"more", b""), {"content_encoding": b"gzip"}, 400),
        (in_pieces(b""), {"content_encoding": b"br"}, 415),
        (in_pieces(b"never ends"), {}, 408),
        (in_pieces(*[b"x"] * 100, pause_s=0.01), {}, 408),
    ],
)
def test_what_is_too_much_is_refused(receive: Receive, headers: dict[str, bytes], status: int) -> None:
    with pytest.raises(Refused) as error:
        read(receive, **headers)
    assert error.value.status == status


def test_all_bodies_together_have_a_bound() -> None:
    async def two() -> list[Any]:
        reader = BodyReader(LIMITS)
        slow = in_pieces(b"x" * 900, b"", pause_s=0.02)
        both = await asyncio.gather(
            reader.read({}, slow), reader.read({}, in_pieces(b"x" * 900, b"", pause_s=0.03)),
            return_exceptions=True,
        )  # fmt: skip
        return [*both, await reader.read({}, in_pieces(b"y" * 900, b""))]

    first, second, after = asyncio.run(two())
    assert len(first) == 900 and len(after) == 900
    assert isinstance(second, Refused) and second.status == 503 and second.retry_after_s == 1


def test_a_client_that_goes_away_is_not_answered() -> None:
    with pytest.raises(Gone):
        read(in_pieces(b"abc", None))
