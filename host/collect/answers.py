"""Answers over ASGI that need no framework: JSON and text, with what a board's client heeds."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of HTTP.
        why: one line.
        retry_after_s: when it is worth trying again; None: never, as it is.
        headers: more of the answer's.
    """

    def __init__(
        self, status: HTTPStatus, why: str, retry_after_s: float | None = None, **headers: str
    ) -> None:
        super().__init__(why)
        self.status, self.why, self.retry_after_s = status, why, retry_after_s
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


async def send_json(
    send: Send, status: HTTPStatus, value: Any, headers: dict[str, str] | None = None
) -> None:
    """Answer with *value* as JSON."""
    body = msgspec.json.encode(value)
    pairs = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    pairs += [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in (headers or {}).items()]
    await send({"type": "http.response.start", "status": int(status), "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def send_refused(send: Send, refused: Refused, **more: Any) -> None:
    """Answer with what is wrong, and *more* in the same object."""
    headers = dict(refused.headers)
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(max(math.ceil(refused.retry_after_s), 1))
    await send_json(send, refused.status, {"error": refused.why, **more}, headers)
