"""Items to a web address, in batches.

    POST {"items": [item, …]}   →   2xx {"accepted": [id, …], "refused": [{"id": id, "why": text}, …]}

An item is acknowledged when its id is among the accepted ones of a 2xx answer, and by nothing else. One that
the host refuses is dropped and counted; one that it does not mention is sent again.
"""

from __future__ import annotations

import http
import logging
import ssl

import msgspec

from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.delivery.web import TIMEOUT_S, WHOLE_S, Poster
from device_runtime.schema import Tolerant

log = logging.getLogger(__name__)

_BATCH_ITEMS, _BATCH_BYTES = 100, 256 << 10


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
        whole_s: float = WHOLE_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.destination = destination
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._poster = Poster(destination, timeout_s=timeout_s, whole_s=whole_s, context=context)
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
            return min(self._poster.rest(), IDLE_S)
        body = b'{"items":[' + b",".join(e.data for e in entries) + b"]}"
        response = self._poster.post(body, self._headers)
        status = response.status
        if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self._too_large(spool, entries)
            return 0
        if not 200 <= status < 300:
            self.close()
            todo = {401: "; check the token", 403: "; check the token", 404: "; check the address"}
            raise Unreachable(f"answers {status}{todo.get(status, '')}", response.retry_after_s)
        answer = _answer(response.body, status)
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

    def abort(self) -> None:
        """As `Channel.abort`."""
        self._poster.abort()

    def close(self) -> None:
        """As `Channel.close`."""
        self._poster.close()


def _answer(body: bytes, status: int) -> Answer:
    try:
        return msgspec.json.decode(body, type=Answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Unreachable(
            f"answers {status} without saying which items it accepts; check the address"
        ) from None
