"""Which board a request is of, by its bearer token.

    token ──▶ known? ── yes ──▶ board
                └ no ──▶ asked of the database, with all others that came meanwhile

Known tokens stay so as long as the number of revoked ones does, which is one question for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from host.collect.answers import Refused
from host.collect.rates import Rates

_MOST_BYTES = 512
_MOST_KNOWN = 100_000


class Tokens:
    """Knows boards by their tokens. To be used in one event loop.

    Args:
        ask: for each token the board that it belongs to, by the database; None where it is wrong or revoked.
        revoked: how many tokens are revoked, by the database.
        good_s: how long an answer is taken to be true, so long does a revoked token go on at most.
        wrong_a_minute: requests with a wrong token, for each address.
        now: seconds, of a clock that never goes back.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[str]], Awaitable[Sequence[str | None]]],
        revoked: Callable[[], Awaitable[int]],
        *,
        good_s: float = 5.0,
        wrong_a_minute: int = 30,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._ask_revoked, self._good_s, self._now = ask, revoked, good_s, now
        self._wrong = Rates(wrong_a_minute / 60, wrong_a_minute, now)
        # By the token's hash: a token itself is kept nowhere.
        self._known: dict[bytes, str] = {}
        # Of what was revoked, and when that was asked; what was asked before is forgotten with the known.
        self._revoked, self._checked_at, self._age = -1, -math.inf, 0
        self._checking: asyncio.Task[None] | None = None
        self._asked: defaultdict[str, list[asyncio.Future[str | None]]] = defaultdict(list)
        self._asking: asyncio.Task[None] | None = None

    async def board(self, authorization: bytes, address: str) -> str:
        """The board whose token stands in the header `Authorization`.

        Args:
            address: where the request comes from.

        Raises:
            Refused: there is none, it is wrong or revoked, too many from there were, or the database is away.
        """
        kind, _, token = authorization.strip().partition(b" ")
        token = token.strip()
        key = hashlib.sha256(token).digest()
        is_bearer = kind.lower() == b"bearer"
        if is_bearer:
            await self._check()
            if (known := self._known.get(key)) is not None:
                return known
        if wait_s := self._wrong.wait_s(address):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens from there", wait_s)
        found, age = None, self._age
        if is_bearer and 0 < len(token) <= _MOST_BYTES and token.isascii():
            found = await self._board_of(token.decode())
        if found is None:
            self._wrong.take(address)
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "bring the board's token as Authorization: Bearer …",
                WWW_Authenticate='Bearer realm="lpr-host"',
            )
        # Where one was revoked meanwhile it may be this.
        if age == self._age:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found

    async def _check(self) -> None:
        """Forget all that is known where a token was revoked; whoever can still rely on it does not wait.

        Raises:
            Refused: the database is away.
        """
        old_s = self._now() - self._checked_at
        if old_s < self._good_s / 2:
            return
        if self._checking is None:
            self._checking = asyncio.create_task(self._look())
            self._checking.add_done_callback(_heeded)
        if old_s >= self._good_s:
            await asyncio.shield(self._checking)

    async def _look(self) -> None:
        began = self._now()
        try:
            revoked = await self._ask_revoked()
        finally:
            self._checking = None
        if revoked != self._revoked:
            self._known.clear()
            self._revoked, self._age = revoked, self._age + 1
        self._checked_at = began

    async def _board_of(self, token: str) -> str | None:
        future = asyncio.get_running_loop().create_future()
        self._asked[token].append(future)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        found: str | None = await future
        return found

    async def _ask_all(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, defaultdict(list)
                try:
                    found: Sequence[str | None] | Exception = await self._ask(list(asked))
                except Exception as error:
                    found = error
                for index, futures in enumerate(asked.values()):
                    for future in futures:
                        if future.done():
                            # Whoever asked has gone.
                            continue
                        if isinstance(found, Exception):
                            future.set_exception(found)
                        else:
                            future.set_result(found[index])
        finally:
            self._asking = None


def _heeded(task: asyncio.Task[None]) -> None:
    # Of a failure nobody may have waited for it: the next one asks again.
    if not task.cancelled():
        task.exception()
