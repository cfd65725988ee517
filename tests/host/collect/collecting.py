"""A collector in a thread of the test's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpx

from device_runtime.service.address import Address
from host.collect.app import AppSettings
from host.collect.collector import CollectorSettings, collect
from host.collect.password import Password
from host.store.store import Store
from host.store.values import Retention

PASSWORD = "correct horse battery"
# Of PASSWORD, at a cost that a test can bear.
HASHED = Password("scrypt$2$8$1$AAAAAAAAAAAAAAAAAAAAAA==$nKpv7d5Tb1V5y8xZMlwKi/LhzzpiKEg65WZq65yRA40=")
LOOPBACK = Address("127.0.0.1", 0)


@contextmanager
def collecting(
    store: Store, *, http: Address | None = LOOPBACK, app: AppSettings | None = None, **more: Any
) -> Iterator[Address | None]:
    """Collect into *store* until the block ends; the address of the web server."""
    settings = CollectorSettings(
        http=http, app=app or AppSettings(password=HASHED), retention=Retention(), **more
    )
    stopping, started = asyncio.Event(), Future[tuple[asyncio.AbstractEventLoop, Address | None]]()

    def run() -> None:
        try:
            collect(
                settings,
                store,
                stopping=stopping,
                ready=lambda address: started.set_result((asyncio.get_running_loop(), address)),
            )
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    loop, address = started.result(30)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(30)
        assert not thread.is_alive()


def client(app: Any, **more: Any) -> httpx.AsyncClient:
    """Asks the ASGI application *app* without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://host", **more)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def batch(*items: bytes) -> bytes:
    return b'{"items":[' + b",".join(items) + b"]}"


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)
