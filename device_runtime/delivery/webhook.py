"""Events to a web address, each in a request of its own and signed.

    POST body     the event, as `docs/events.md` describes it
    LPR-Id        id of the item: what comes again with the same one is the same
    LPR-Signature t=SECONDS,v1=HEX, where HEX is HMAC-SHA256 of "SECONDS.BODY" with the secret (RFC 2104)

The time is signed, too, so that a request that somebody has recorded cannot be sent again much later.
"""

from __future__ import annotations

import hashlib
import hmac
import http
import logging
import ssl
import time

from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.destination import HttpDestination
from device_runtime.delivery.item import body_of
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.delivery.web import TIMEOUT_S, WHOLE_S, Poster
from device_runtime.secret import read_secret

log = logging.getLogger(__name__)

SECRET = "LPR_WEBHOOK_SECRET"
"""Environment variable with the secret, as of `read_secret`."""

_NEVER = (
    http.HTTPStatus.BAD_REQUEST,
    http.HTTPStatus.GONE,
    http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    http.HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""Answers after which it is no use to send the same again."""


def sign(secret: bytes, body: bytes, at: int) -> str:
    """The header `LPR-Signature` of *body*, sent *at* seconds since 1970."""
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class WebhookChannel:
    """Posts one item's body after another.

    Args:
        destination: the address.
        secret: signs requests; None: they are not signed. Read with `read_secret` where not given.
        timeout_s, whole_s, context: as of `Poster`.
    """

    longest_wait_s = 60.0

    def __init__(
        self,
        destination: HttpDestination,
        secret: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        whole_s: float = WHOLE_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.destination = destination
        found = (secret, "") if secret is not None else read_secret(SECRET)
        self._secret = found[0].encode() if found else None
        self._poster = Poster(destination, timeout_s=timeout_s, whole_s=whole_s, context=context)

    def step(self, spool: Spool) -> float:
        """As `Channel.step`."""
        entries = spool.after(0, 1, 1 << 20)
        if not entries:
            return min(self._poster.rest(), IDLE_S)
        (entry,) = entries
        body = body_of(entry.data)
        response = self._poster.post(body, self._headers(entry, body))
        if 200 <= response.status < 300:
            spool.acknowledge(entries)
        elif response.status in _NEVER:
            log.warning("%s: answers %d; the item is dropped", self.destination, response.status)
            spool.refuse(entries)
        else:
            self._poster.close()
            todo = {401: "; check the secret", 403: "; check the secret", 404: "; check the address"}
            raise Unreachable(
                f"answers {response.status}{todo.get(response.status, '')}", response.retry_after_s
            )
        return 0

    def _headers(self, entry: Entry, body: bytes) -> dict[str, str]:
        headers = {"LPR-Id": entry.id}
        if self._secret is not None:
            headers["LPR-Signature"] = sign(self._secret, body, int(time.time()))
        return headers

    def abort(self) -> None:
        """As `Channel.abort`."""
        self._poster.abort()

    def close(self) -> None:
        """As `Channel.close`."""
        self._poster.close()
