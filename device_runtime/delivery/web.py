"""One POST after another over one connection, which is kept for the next, and none of them for ever.

    connected ──▶ asked, answered ──▶ kept ──▶ asked, answered ──▶ kept …
        ▲                              │ the host's time is nearly up, or it has closed it
        └──────────────────────────────┘

A host may close a connection in the very moment that it is used again. Then the same is posted once more,
over a new one; the host knows by an id what it has already.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from device_runtime import __version__
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.timed_socket import TimedSocket

TIMEOUT_S = 10.0
"""For connecting, and for each piece that is sent or received."""

WHOLE_S = 60.0
"""For a whole request: an answer may come in many small pieces."""

KEEP_S = 15.0
"""How long a connection is kept where the host does not say; most keep one for longer."""

_LONGEST_KEEP_S = 300.0
"""However long the host would: what lies between may forget a silent connection."""

_MARGIN_S = 1.0
"""A connection is left so long before the host closes it."""

_ANSWER_BYTES = 1 << 20
_LONGEST_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True)
class Response:
    """What a host answers.

    Attributes:
        status: of HTTP.
        retry_after_s: seconds to wait if it names them, else 0.
        body: at most 1 MiB.
    """

    status: int
    retry_after_s: float
    body: bytes


class Poster:
    """Posts JSON to an address.

    Args:
        destination: the address.
        timeout_s: as `TIMEOUT_S`.
        whole_s: for a whole request.
        context: for TLS; by default the system's certificates, or those of the file `SSL_CERT_FILE`.
    """

    def __init__(
        self,
        destination: HttpDestination,
        *,
        timeout_s: float = TIMEOUT_S,
        whole_s: float = WHOLE_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.destination = destination
        self._timeout_s, self._whole_s, self._context = timeout_s, whole_s, context
        self._connection: http.client.HTTPConnection | None = None
        self._keep_until = 0.0
        self._aborted = False

    def post(self, body: bytes, more: Mapping[str, str]) -> Response:
        """The answer to *body*, with the headers *more*.

        Raises:
            Unreachable: there is none.
        """
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"lpr-run/{__version__}",
            **more,
        }
        self._aborted = False
        end = time.monotonic() + self._whole_s
        try:
            kept = self._kept()
            try:
                answer = self._ask(kept or self._connect(), body, headers, end)
            except _CLOSED:
                if kept is None or self._aborted:
                    raise
                self.close()
                answer = self._ask(self._connect(), body, headers, end)
            data = answer.read(_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(_why(error)) from None
        if len(data) > _ANSWER_BYTES:
            self.close()
            raise Unreachable(f"answers with more than {_ANSWER_BYTES >> 20} MiB")
        if answer.will_close:
            self.close()
        self._keep_until = time.monotonic() + _keep_s(answer.getheader("Keep-Alive"))
        return Response(answer.status, _seconds(answer.getheader("Retry-After")), data)

    def rest(self) -> float:
        """To be called where there is nothing to post: lets go of a connection whose time is up.

        Returns:
            seconds after which it is to be called again; infinite where nothing is kept.
        """
        if self._kept() is None:
            self.close()
            return math.inf
        return self._keep_until - time.monotonic()

    def _kept(self) -> http.client.HTTPConnection | None:
        """The connection of the last post, where it can be used again."""
        if self._connection is None or time.monotonic() >= self._keep_until:
            return None
        sock: Any = self._connection.sock
        return self._connection if sock is not None and sock.is_silent else None

    def _connect(self) -> http.client.HTTPConnection:
        self.close()
        host, port = self.destination.host, self.destination.port
        if self.destination.scheme == "http":
            made = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        else:
            context = self._context or ssl.create_default_context()
            made = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
        # Where `abort` finds it.
        self._connection = made
        made.connect()
        timed: Any = TimedSocket(made.sock, self._timeout_s)
        made.sock = timed
        return made

    def _ask(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str], end: float
    ) -> http.client.HTTPResponse:
        sock: Any = connection.sock
        sock.begin(end)
        connection.request("POST", self.destination.target, body, headers)
        return connection.getresponse()

    def abort(self) -> None:
        """Make a `post` that waits in another thread fail at once."""
        self._aborted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; the next `post` makes another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What using a connection that the other side has closed ends in."""


def _keep_s(text: str | None) -> float:
    """Of a Keep-Alive header, `timeout=SECONDS`: how long the connection may be used again."""
    found = re.search(r"\btimeout=([0-9]{1,9})\b", text or "", re.ASCII)
    return min(int(found[1]) - _MARGIN_S, _LONGEST_KEEP_S) if found else KEEP_S


def _seconds(text: str | None) -> float:
    """Of a Retry-After header; 0 where it names a date or nothing."""
    if text is None or not text.isascii() or not text.isdigit():
        return 0
    return min(float(text[:10]), _LONGEST_RETRY_AFTER_S)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, http.client.HTTPException):
        return f"breaks off or answers no HTTP ({type(error).__name__})"
    return f"cannot be reached ({getattr(error, 'strerror', None) or type(error).__name__})"
