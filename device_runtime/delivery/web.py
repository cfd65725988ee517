"""One POST after another over one connection, none of them for ever."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from device_runtime import __version__
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import HttpDestination

TIMEOUT_S = 10.0
"""For connecting, and for each piece that is sent or received."""

WHOLE_S = 60.0
"""For a whole request: an answer may come in many small pieces."""

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
        limit = threading.Timer(self._whole_s, self.abort)
        limit.daemon = True
        limit.start()
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", self.destination.target, body, headers)
            answer = self._connection.getresponse()
            data = answer.read(_ANSWER_BYTES + 1)
            if len(data) > _ANSWER_BYTES:
                self.close()
                raise Unreachable(f"answers with more than {_ANSWER_BYTES >> 20} MiB")
            return Response(answer.status, _seconds(answer.getheader("Retry-After")), data)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(_why(error)) from None
        finally:
            limit.cancel()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self.destination.host, self.destination.port
        if self.destination.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        context = self._context or ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)

    def abort(self) -> None:
        """Make a `post` that waits in another thread fail at once."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; the next `post` makes another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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
