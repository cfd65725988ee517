"""Which board a request is of: its bearer token, asked of the database once in a while."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from host.collect.answers import Refused
from host.collect.rates import Rates

_MOST_BYTES = 512
_MOST_KNOWN = 100_000


class Tokens:
    """Knows boards by their tokens. To be used in one event loop.

    Args:
        ask: the board that a token belongs to, by the database; None where it is wrong or revoked.
        good_s: how long an answer is taken to be true, so long does a revoked token go on.
        wrong_a_minute: requests with a wrong token, for each address.
        now: seconds, of a clock that never goes back.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[str | None]],
        *,
        good_s: float = 5.0,
        wrong_a_minute: int = 30,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._good_s, self._now = ask, good_s, now
        self._wrong = Rates(wrong_a_minute / 60, wrong_a_minute, now)
        # By the token's hash: a token itself is kept nowhere.
        self._known: dict[bytes, tuple[str, float]] = {}

    async def board(self, authorization: bytes, address: str) -> str:
        """The board whose token stands in the header `Authorization`.

        Args:
            address: where the request comes from.

        Raises:
            Refused: there is none, it is wrong or revoked, or too many from there were.
        """
        kind, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        key = hashlib.sha256(token).digest()
        is_bearer = kind.lower() == b"bearer"
        known = self._known.get(key) if is_bearer else None
        if known is not None and self._now() < known[1]:
            return known[0]
        if wait_s := self._wrong.wait_s(address):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens from there", wait_s)
        found = None
        if is_bearer and 0 < len(token) <= _MOST_BYTES and token.isascii():
            found = await self._ask(token.decode())
        if found is None:
            if is_bearer:
                self._known.pop(key, None)
            self._wrong.take(address)
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "bring the board's token as Authorization: Bearer …",
                WWW_Authenticate='Bearer realm="lpr-host"',
            )
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = (found, self._now() + self._good_s)
        return found
