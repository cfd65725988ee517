"""The web server: uvicorn with the time limits that it lacks, and an end that it does not decide on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from device_runtime.errors import FatalError
from device_runtime.service.address import Address
from host.collect.answers import Receive, Scope, Send

LOG = logging.getLogger(__name__)

HEAD_S = 10.0
"""How long the head of a request may take to arrive."""

KEEP_ALIVE_S, KEEP_ALIVE_CROWDED_S = 75, 3
"""How long a connection may be silent after an answer, which is told in it; and where there are many."""

CONNECTIONS = 2000
"""At a time; one more is told to come back later."""

_MANY = CONNECTIONS // 2
"""Connections of which none is kept for long: of 10,000 boards each has something to say now and then."""

_HEAD_BYTES = 16 << 10
_GRACE_S = 1
"""How long requests may go on when the server is to end."""


class _Protocol(H11Protocol):
    """Cuts a connection whose request's head does not come in time, and tells how long it is kept.

    Attributes:
        head_s: as `HEAD_S`.
    """

    head_s = HEAD_S

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            # Part of a head, or what follows an answer: of no use until it is whole.
            self._await_head()
        else:
            self._forget()

    def on_response_complete(self) -> None:
        # A little longer than it was told: that may have been under way for a while.
        self.timeout_keep_alive = 1 + keep_alive_s(len(self.connections))
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.head_s, self._cut)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _cut(self) -> None:
        self._head = None
        if self.conn.their_state is h11.IDLE:
            self.transport.abort()


def keep_alive_s(connections: int) -> int:
    """How long a connection may be silent where there are so many."""
    return KEEP_ALIVE_S if connections < _MANY else KEEP_ALIVE_CROWDED_S


class _Server(uvicorn.Server):
    """One whose end is asked for by whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Tls:
    """Files of a certificate, with the chain to its authority, and of its private key; PEM."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Make sure that they are what they should be.

        Raises:
            FatalError: they cannot be read, or do not belong together.
        """
        for path in (self.certificate, self.key):
            try:
                path.read_bytes()
            except OSError as error:
                raise FatalError(str(path), f"cannot be read ({error.strerror})", "name a PEM file") from None
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self.certificate, self.key, password=lambda: ""
            )
        except (ssl.SSLError, ValueError):
            todo = "give a certificate and its key without a passphrase, in PEM"
            raise FatalError(
                f"{self.certificate}, {self.key}", "are no certificate and its key", todo
            ) from None


def listen(address: Address) -> socket.socket:
    """A socket that listens at *address*.

    Raises:
        FatalError: it cannot.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
        made.listen(2048)
    except OSError as error:
        made.close()
        why = error.strerror or "its host is not known"
        raise FatalError(f"--http {address}", f"cannot be listened at ({why})", "give [HOST:]PORT") from None
    made.setblocking(False)
    return made


class WebServer:
    """Serves an application until it is told to end.

    Args:
        app: of ASGI.
        tls: to encrypt with.
        head_s: as `HEAD_S`.
    """

    def __init__(self, app: Any, tls: Tls | None = None, head_s: float = HEAD_S) -> None:
        async def telling(scope: Scope, receive: Receive, send: Send) -> None:
            async def tell(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    keep = b"timeout=%d" % keep_alive_s(self.connections)
                    message["headers"] = [*message.get("headers", ()), (b"keep-alive", keep)]
                await send(message)

            await app(scope, receive, tell)

        config = uvicorn.Config(
            telling,
            http=type("Protocol", (_Protocol,), {"head_s": head_s}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        # What a stranger sends is no warning of ours.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = _Server(config)

    @property
    def connections(self) -> int:
        """That are open."""
        return len(self._server.server_state.connections)

    @property
    def started(self) -> bool:
        """Whether it answers."""
        return self._server.started

    async def serve(self, listening: socket.socket) -> None:
        """Answer at *listening* until `stop` was called, and a second longer to who is being answered."""
        await self._server.serve([listening])

    def stop(self) -> None:
        """Make `serve` return."""
        self._server.should_exit = True
