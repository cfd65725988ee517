"""The body of a request: whole, in time, within its size before and after decompression, or refused."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from host.collect.answers import Receive, Refused

_GZIP = 16 + zlib.MAX_WBITS


class Gone(Exception):
    """Whoever asked has gone; there is nobody to answer."""


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """What is put up with.

    Attributes:
        most_bytes: of a body, as it comes and decompressed: an item of 1 MiB and what is around it, twice.
        silent_s: between two pieces.
        whole_s: for all of it; a board gives up after 60 s.
        under_way_bytes: of all bodies that are being read together.
    """

    most_bytes: int = 2 << 20
    silent_s: float = 20.0
    whole_s: float = 60.0
    under_way_bytes: int = 128 << 20


class BodyReader:
    """Reads bodies. To be used in one event loop.

    Args:
        limits: of each, and of all together.
    """

    def __init__(self, limits: BodyLimits) -> None:
        self.limits = limits
        self._under_way = 0

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The body, decompressed.

        Raises:
            Refused: it is too large, too slow, compressed in a way that is not known, or damaged.
            Gone: the client went away.
        """
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in (b"identity", b"gzip"):
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compress with gzip, or not at all", Accept_Encoding="gzip"
            )
        told = headers.get(b"content-length", b"")
        if told.isdigit() and (len(told) > 12 or int(told) > self.limits.most_bytes):
            raise self._too_large()
        taken = 0
        try:
            pieces: list[bytes] = []
            now = asyncio.get_running_loop().time
            end = now() + self.limits.whole_s
            async with asyncio.timeout_at(end) as limit:
                more = True
                while more:
                    limit.reschedule(min(now() + self.limits.silent_s, end))
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    piece = message.get("body", b"")
                    more = message.get("more_body", False)
                    taken += len(piece)
                    self._under_way += len(piece)
                    if taken > self.limits.most_bytes:
                        raise self._too_large()
                    if self._under_way > self.limits.under_way_bytes:
                        why = "too many bodies are being read"
                        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, why, 1, Connection="close")
                    pieces.append(piece)
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            return self._decompressed(data) if coding == b"gzip" else data
        except TimeoutError:
            # The rest of it may never come: this connection is of no more use.
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time", Connection="close"
            ) from None
        finally:
            self._under_way -= taken

    def _too_large(self) -> Refused:
        why = f"the body is larger than {self.limits.most_bytes >> 10} KiB"
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why, Connection="close")

    def _decompressed(self, data: bytes) -> bytes:
        unpack = zlib.decompressobj(_GZIP)
        try:
            # One byte more than may be: the rest of a bomb is never unpacked.
            whole = unpack.decompress(data, self.limits.most_bytes + 1)
        except zlib.error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is no gzip") from None
        if len(whole) > self.limits.most_bytes:
            raise self._too_large()
        if not unpack.eof or unpack.unused_data:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is half a gzip, or more than one")
        return whole
