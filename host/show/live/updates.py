"""Server-sent events (HTML standard, 9.2): a page learns that there is something new to ask for.

    changed        an event was stored, or so much time has passed that boards may have told something

Several collectors may store into one database, so that it is asked, once a second for all who listen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from host.store.faults import Unavailable
from host.store.store import Store

LISTENERS = 100
"""At a time; one more comes back later."""
POLL_S = 1.0
LEAST_S = 2.0
"""Between two messages."""
MOST_S = 15.0
"""Without one: boards tell how they do once a minute, and proxies cut what is silent."""
STREAM_S = 600.0
"""Then the browser asks again, and has to be logged in still."""
AGAIN_MS = 3000


class Updates:
    """What `/updates` tells."""

    def __init__(self) -> None:
        self._listeners = 0
        self._seen = 0
        self._asked = -POLL_S
        self._one = asyncio.Lock()

    async def tell(self, request: Request) -> Response:
        """A stream of messages."""
        if self._listeners >= LISTENERS:
            return PlainTextResponse(
                "too many listen\n", HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "30"}
            )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._messages(request.app.state.store), media_type="text/event-stream", headers=headers
        )

    async def _messages(self, store: Store) -> AsyncIterator[str]:
        self._listeners += 1
        try:
            yield f"retry: {AGAIN_MS}\n\n"
            started = told = time.monotonic()
            known = await self._newest(store)
            while time.monotonic() - started < STREAM_S:
                await asyncio.sleep(POLL_S)
                newest, silent = await self._newest(store), time.monotonic() - told
                if (newest != known and silent >= LEAST_S) or silent >= MOST_S:
                    known, told = newest, time.monotonic()
                    yield f"event: changed\ndata: {newest}\n\n"
        finally:
            self._listeners -= 1

    async def _newest(self, store: Store) -> int:
        async with self._one:
            if time.monotonic() - self._asked >= POLL_S * 0.9:
                self._asked = time.monotonic()
                try:
                    self._seen = await run_in_threadpool(store.last_event)
                except Unavailable:
                    # The page says so when it is asked for again.
                    self._seen = -1
        return self._seen
