"""A small web server that a stranger may knock at: few connections, short waits, little memory.

- At most `Limits.connections` at a time; one more is told to come back later.
- What a client sends has to arrive within a time, headers within a size, a body within another.
- A client that does not take what is sent to it for `SEND_S` is let go.
- Whoever asks has to bring the token where there is one: as a bearer token, or as the password of HTTP's own
  log-in, which browsers ask for, so that it never stands in an address. Without one the request has to name
  this board itself as its host, so that no web page elsewhere can make a browser ask (DNS rebinding).
- Nothing that a client sends is logged.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hmac
import io
import logging
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any, ClassVar

import msgspec

from device_runtime import __version__
from device_runtime.errors import FatalError
from device_runtime.service.address import Address, is_loopback

log = logging.getLogger(__name__)

HEAD_S, SEND_S = 10.0, 10.0
"""How long the head of a request may take to arrive, and one piece of the answer to be taken."""

_HEAD_BYTES = 16 << 10
"""Of a request's line and its headers."""

_WRONG_TOKEN_S = 0.5
"""An answer to a wrong token takes so long."""

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server puts up with.

    Attributes:
        connections: at a time.
        body_bytes: of a request.
        body_s: how long a body may take to arrive.
    """

    connections: int = 8
    body_bytes: int = 0
    body_s: float = 30.0


class Refused(Exception):
    """A request that is answered with an error.

    Attributes:
        status: of HTTP.
        why: one line.
        headers: more of the answer's.
    """

    def __init__(self, status: HTTPStatus, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Received(io.RawIOBase):
    """What a client sends, as long as it keeps to its time and size; then there is no more.

    Attributes:
        ends: by the monotonic clock.
        left: bytes.
        over: why there is no more, since somebody wanted to read on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.ends, self.left = time.monotonic() + HEAD_S, _HEAD_BYTES
        self.over: HTTPStatus | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wait_s, room = self.ends - time.monotonic(), memoryview(buffer)[: max(self.left, 0)]
        n = 0
        if not room:
            self.over = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif wait_s <= 0:
            self.over = HTTPStatus.REQUEST_TIMEOUT
        else:
            self._connection.settimeout(wait_s)
            try:
                n = self._connection.recv_into(room)
                self.over = None if n else HTTPStatus.BAD_REQUEST
            except OSError:
                self.over = HTTPStatus.REQUEST_TIMEOUT
            self._connection.settimeout(SEND_S)
        self.left -= n
        return n


class Handler(BaseHTTPRequestHandler):
    """Answers one request. A subclass names what it answers in `gets` and `posts`.

    Attributes:
        gets, posts: the name of a method by path.
        server: has the token and the limits.
    """

    gets: ClassVar[Mapping[str, str]] = {}
    posts: ClassVar[Mapping[str, str]] = {}
    server: WebServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"lpr-run/{__version__}", ""

    def setup(self) -> None:
        """As of the base class."""
        super().setup()
        self._received = _Received(self.connection)
        self.rfile = io.BufferedReader(self._received, 8192)

    def do_GET(self) -> None:
        """As of the base class."""
        self._answer(self.gets)

    def do_POST(self) -> None:
        """As of the base class."""
        self._answer(self.posts)

    def _answer(self, methods: Mapping[str, str]) -> None:
        # One request a connection: nobody keeps one of the few for later.
        self.close_connection = True
        try:
            if self._received.over:
                # The base class takes half a head for a whole one.
                raise Refused(self._received.over, "the request is not whole, or its head too long")
            self._check_asker()
            path = self.path.partition("?")[0]
            name = methods.get(path)
            if name is None:
                known = path in self.gets or path in self.posts
                raise Refused(*_NOT_ALLOWED if known else _NOT_FOUND)
            getattr(self, name)()
        except Refused as refused:
            self.reply_refused(refused)
        except OSError:
            # The client has gone.
            pass

    def _check_asker(self) -> None:
        """Refuse who may not ask.

        Raises:
            Refused: the token is missing or wrong, or another host is asked for.
        """
        token = self.server.token
        if token is None:
            # A program may leave it out; a browser never does.
            host = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::[0-9]*)?", self.headers.get("Host", "localhost"))
            if host is None or not is_loopback(host[1].strip("[]")):
                raise Refused(HTTPStatus.FORBIDDEN, "ask for localhost, or set a token")
            return
        if not hmac.compare_digest(_token_of(self.headers.get("Authorization", "")), token.encode()):
            if "Authorization" in self.headers:
                time.sleep(_WRONG_TOKEN_S)
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "bring the token, as a bearer token or as the password of any user",
                WWW_Authenticate='Basic realm="lpr-run", charset="UTF-8"',
            )

    def body(self) -> bytes:
        """What the client has sent, all of it.

        Raises:
            Refused: its length is missing or too large, or it did not arrive in time.
        """
        limits, length = self.server.limits, self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdecimal()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "say the length of the body")
        if len(length) > 12 or int(length) > limits.body_bytes:
            why = f"the body is longer than {limits.body_bytes} bytes"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
        self._received.ends, self._received.left = time.monotonic() + limits.body_s, int(length)
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time")
        return data

    def has_gone(self) -> bool:
        """Whether the client has hung up."""
        asked = select.poll()
        asked.register(self.connection, select.POLLIN)
        try:
            # Nothing to read, or there is what it said without being asked.
            return bool(asked.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def reply(
        self,
        body: bytes,
        content_type: str,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer, with the whole of *body*."""
        self.begin(content_type, status, {"Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def reply_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with *value* as JSON."""
        self.reply(msgspec.json.encode(value), "application/json", status)

    def reply_refused(self, refused: Refused) -> None:
        """Answer that a request is refused."""
        body = msgspec.json.encode({"success": False, "error": refused.why})
        self.reply(body, "application/json", refused.status, refused.headers)

    def begin(
        self, content_type: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of an answer."""
        # To what is no request of any version the base class would answer without a head.
        self.request_version = self.protocol_version
        self.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Connection": "close",
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; img-src 'self'; script-src 'self'; "
            "style-src 'self'; connect-src 'self'; frame-ancestors 'none'; form-action 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """As of the base class, which calls it for what it cannot parse; as JSON."""
        self.close_connection = True
        # It may not have got as far as finding this.
        self.requestline = getattr(self, "requestline", "")
        self.reply_refused(Refused(HTTPStatus(code), "is no request that is answered here"))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what strangers send is not for the log."""


_NOT_FOUND = (HTTPStatus.NOT_FOUND, "there is nothing here")
_NOT_ALLOWED = (HTTPStatus.METHOD_NOT_ALLOWED, "is asked for in another way")


class WebServer(ThreadingMixIn, HTTPServer):
    """Listens at an address and answers with a `Handler`, each connection in a thread.

    Args:
        address: where.
        handler: what answers.
        token: that has to be brought; see `token_for`.
        limits: of what clients may take.
        option: to name in an error.

    Raises:
        FatalError: the address cannot be listened at.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(
        self,
        address: Address,
        handler: Callable[..., BaseHTTPRequestHandler],
        token: str | None,
        limits: Limits,
        option: str,
    ) -> None:
        self.token, self.limits = token, limits
        self._free = threading.BoundedSemaphore(limits.connections)
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((address.host, address.port), handler)
        except (OSError, OverflowError) as error:
            todo = (
                "choose another port" if getattr(error, "errno", 0) == errno.EADDRINUSE else "check the host"
            )
            why = f"cannot be listened at ({getattr(error, 'strerror', None) or error})"
            raise FatalError(f"{option} {address}", why, todo) from None
        self.address = Address(address.host, int(self.server_address[1]))
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=option, daemon=True)

    def server_bind(self) -> None:
        """As of the base class, without looking up this board's name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self) -> None:
        """Answer from now on, in another thread."""
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """As of the base class, unless there are too many connections."""
        request.settimeout(SEND_S)
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As of the base class."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """As of the base class, without a traceback: the client has gone, mostly."""
        log.debug("a connection failed", exc_info=True)

    def close(self) -> None:
        """Listen no longer."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join(1)
        self.server_close()


def _token_of(header: str) -> bytes:
    """What an Authorization header brings: RFC 6750, 2.1, or the password of RFC 7617; else nothing."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            pass
    return b""
