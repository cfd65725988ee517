"""POST /items: what boards send over HTTP, straight on ASGI, for it is called a thousand times a second.

    token → board → body → rate → items → committed → answer

The answer is that of docs/delivery.md, and `later` beside it. What is in none of its lists is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from device_runtime.delivery.post import Refusal
from host.collect.answers import Receive, Refused, Scope, Send, send_json, send_refused
from host.collect.body import BodyLimits, BodyReader, Gone
from host.collect.fault import is_of_the_item
from host.collect.incoming import Batch, Malformed, decode_batch
from host.collect.metrics import Metrics
from host.collect.rates import Rates
from host.collect.tokens import Tokens
from host.store.faults import Busy, Unavailable
from host.store.received import Received
from host.store.store import Store
from host.store.values import Accepted

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a board may do.

    Attributes:
        items_s: items a second, in the long run.
        burst: items beyond that: what a board has spooled while it was cut off.
        body: of a request's body.
        commit_s: how long a commit may take before a board is told to try again; it waits 10 s.
        token_s: how long a token is taken to be good without asking the database again.
        wrong_a_minute: requests with a wrong token, for each address.
    """

    items_s: float = 100.0
    burst: float = 10_000.0
    body: BodyLimits = field(default_factory=BodyLimits)
    commit_s: float = 8.0
    token_s: float = 5.0
    wrong_a_minute: int = 30


class Items:
    """The ASGI application behind POST /items.

    Args:
        store: where items go, and what knows the tokens.
        metrics: counts.
        limits: of each board.
        now: seconds, of a clock that never goes back.
    """

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        limits: Limits,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._metrics, self.limits, self._now = store, metrics, limits, now
        self._bodies = BodyReader(limits.body)
        self._rates = Rates(limits.items_s, limits.burst, now)
        self._tokens = Tokens(
            _in_thread(store.boards_of),
            _in_thread(store.revoked),
            good_s=limits.token_s,
            wrong_a_minute=limits.wrong_a_minute,
            now=now,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As of ASGI."""
        began = self._now()
        status = HTTPStatus.OK
        try:
            await self._take(scope, receive, send, began)
        except Refused as refused:
            status = refused.status
            await send_refused(send, refused)
        except Malformed as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            await send_json(send, status, {"error": str(error)})
        except Gone:
            status = HTTPStatus.BAD_REQUEST
        self._metrics.count("lpr_requests_total", status=str(int(status)))

    async def _take(self, scope: Scope, receive: Receive, send: Send, began: float) -> None:
        if scope["method"] != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST items here", Allow="POST")
        headers = dict(scope["headers"])
        client = scope.get("client")
        address = client[0] if client else ""
        board = await self._tokens.board(headers.get(b"authorization", b""), address)
        # First of all: who is still sending does not hear an answer.
        body = await self._bodies.read(headers, receive)
        if wait_s := self._rates.wait_s(board):
            self._metrics.count("lpr_items_total", way="http", outcome="throttled")
            why = f"more than {self.limits.items_s:g} items a second"
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, why, wait_s)
        batch = decode_batch(body)
        self._rates.take(board, len(batch.items) + len(batch.refused) + len(batch.later))
        accepted, refused = await self._commit(board, batch)
        self._metrics.observe("lpr_acknowledge_seconds", self._now() - began, way="http")
        count = self._metrics.count
        for outcome, several in (("refused", refused), ("later", batch.later)):
            if several:
                count("lpr_items_total", len(several), way="http", outcome=outcome)
                LOG.warning("%s: %d items %s (%s)", board, len(several), outcome, several[0].why[:200])
        await send_json(send, HTTPStatus.OK, {"accepted": accepted, "refused": refused, "later": batch.later})

    async def _commit(self, board: str, batch: Batch) -> tuple[list[str], list[Refusal]]:
        """The ids that are stored, and what is refused.

        Raises:
            Refused: the database is away.
        """
        refused = list(batch.refused)
        if not batch.items:
            return [], refused
        try:
            ids, worthless = await self._stored(board, batch.items, self._now() + self.limits.commit_s)
        except TimeoutError:
            # It may be stored yet: the board sends it again, and it is known then.
            why = "the database does not answer in time"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, why, _RETRY_S) from None
        except Exception as error:
            raise _unavailable(error) from None
        return ids, refused + worthless

    async def _stored(
        self, board: str, items: Sequence[Received], end: float
    ) -> tuple[list[str], list[Refusal]]:
        try:
            future = asyncio.wrap_future(self._store.submit(board, items))
            # Whoever stops waiting must not cancel what others are committed with, as `wait_for` would.
            await asyncio.wait((future,), timeout=max(end - self._now(), 0))
            if not future.done():
                future.add_done_callback(_heeded)
                raise TimeoutError
            accepted = future.result()
        except Exception as error:
            if not is_of_the_item(error):
                raise
            # The database does not take one of them: the others are none the worse for it.
            if len(items) > 1:
                each = [await self._stored(board, [one], end) for one in items]
                return [i for ids, _ in each for i in ids], [r for _, refused in each for r in refused]
            LOG.warning("%s: item %s cannot be stored (%s)", board, items[0].id, type(error).__name__)
            return [], [Refusal(id=str(items[0].id), why=f"cannot be stored ({type(error).__name__})")]
        count = self._metrics.count
        for outcome, ids in (("stored", accepted.stored), ("known", accepted.known)):
            if ids:
                count("lpr_items_total", len(ids), way="http", outcome=outcome)
        return [*accepted.stored, *accepted.known], []


def _heeded(future: asyncio.Future[Accepted]) -> None:
    # Whoever waited has gone, and is not told what became of it.
    if not future.cancelled():
        future.exception()


_RETRY_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")


def _in_thread(ask: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """*ask*, which waits for the database; raises Refused where that is away."""

    async def asked(*args: P.args, **more: P.kwargs) -> T:
        try:
            return await run_in_threadpool(ask, *args, **more)
        except Unavailable as error:
            raise _unavailable(error) from None

    return asked


def _unavailable(error: Exception) -> Refused:
    """The board keeps its items, whatever has happened here."""
    if not isinstance(error, Unavailable):
        LOG.error("items cannot be stored (%s: %s)", type(error).__name__, error)
        return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the items cannot be stored now", _RETRY_S)
    after_s = error.retry_after_s if isinstance(error, Busy) else _RETRY_S
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, error.why, after_s)
