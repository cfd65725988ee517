"""Items to a web address, in batches.

    POST {"items": [item, …]}   →   2xx {"accepted": [id, …], "refused": [{"id": id, "why": text}, …]}

An item is acknowledged when its id is among the accepted ones of a 2xx answer, and by nothing else. One that
the host refuses is dropped and counted; one that it does not mention is sent again.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import ssl
import threading

import msgspec

from device_runtime import __version__
from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.spool import Entry, Spool
from device_runtime.schema import Tolerant

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""For connecting, and for each piece that is sent or received."""

_WHOLE_S = 60.0
"""For a whole request: an answer may come in many small pieces."""

_BATCH_ITEMS, _BATCH_BYTES = 100, 256 << 10
_ANSWER_BYTES = 1 << 20
_LONGEST_RETRY_AFTER_S = 3600.0


class Refusal(Tolerant, frozen=True, kw_only=True):
    """An item that the host will never take, and why."""

    id: str
    why: str = ""


class Answer(Tolerant, frozen=True, kw_only=True):
    """What the host says to a batch.

    Attributes:
        accepted: ids of items that are stored, now or before.
        refused: items not to be sent again.
    """

    accepted: tuple[str, ...]
    refused: tuple[Refusal, ...] = ()


class HttpChannel:
    """Posts items to an address.

    Args:
        destination: the address.
        token: sent as `Authorization: Bearer …`.
        timeout_s: as `TIMEOUT_S`.
        whole_s: for a whole request.
        context: for TLS; by default the system's certificates, or those of the file `SSL_CERT_FILE`.
    """

    longest_wait_s = 60.0

    def __init__(
        self,
        destination: HttpDestination,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        whole_s: float = _WHOLE_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.destination = destination
        self._token, self._timeout_s, self._whole_s, self._context = token, timeout_s, whole_s, context
        self._connection: http.client.HTTPConnection | None = None
        self._batch = _BATCH_ITEMS
        if (
            token
            and destination.scheme == "http"
            and destination.host not in ("localhost", "127.0.0.1", "::1")
        ):
            log.warning("%s: the token can be read on the way; use https", destination)

    def step(self, spool: Spool) -> float:
        """As `Channel.step`."""
        entries = spool.after(0, self._batch, _BATCH_BYTES)
        if not entries:
            # A host closes a connection that is not used.
            self.close()
            return IDLE_S
        status, retry_after, body = self._post(b'{"items":[' + b",".join(e.data for e in entries) + b"]}")
        if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._too_large(spool, entries)
            return 0
        if not 200 <= status < 300:
            self.close()
            todo = {401: "; check the token", 403: "; check the token", 404: "; check the address"}
            raise Unreachable(f"answers {status}{todo.get(status, '')}", retry_after)
        answer = _answer(body, status)
        self._take(spool, entries, answer)
        self._batch = min(2 * self._batch, _BATCH_ITEMS)
        return 0

    def _take(self, spool: Spool, entries: list[Entry], answer: Answer) -> None:
        accepted = set(answer.accepted)
        refused = {refusal.id: refusal.why for refusal in answer.refused}
        refused_entries = [e for e in entries if e.id in refused and e.id not in accepted]
        accepted_entries = [e for e in entries if e.id in accepted]
        spool.acknowledge(accepted_entries)
        spool.refuse(refused_entries)
        for entry in refused_entries:
            log.warning("%s: refuses item %s (%s)", self.destination, entry.id, refused[entry.id][:200])
        if not accepted_entries and not refused_entries:
            raise Unreachable("accepts none of the items")

    def _too_large(self, spool: Spool, entries: list[Entry]) -> None:
        if len(entries) > 1:
            self._batch = len(entries) // 2
            return
        log.warning("%s: refuses an item of %d bytes", self.destination, len(entries[0].data))
        spool.refuse(entries)

    def _post(self, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds to wait if the host names them, and the answer's body."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"lpr-run/{__version__}",
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
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
            return answer.status, _seconds(answer.getheader("Retry-After")), data
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
        """As `Channel.abort`."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """As `Channel.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _answer(body: bytes, status: int) -> Answer:
    try:
        return msgspec.json.decode(body, type=Answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Unreachable(
            f"answers {status} without saying which items it accepts; check the address"
        ) from None


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
