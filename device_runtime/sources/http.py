"""Cameras that are asked by HTTP: MJPEG streams, and pictures asked for one by one.

Here rather than by FFmpeg, so that a picture that nobody waits for is never decoded.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.address import Address
from device_runtime.sources.jpeg import MAX_PICTURE, JpegSplitter, decode_jpeg
from device_runtime.sources.live import Capture, Captured, Lost
from device_runtime.sources.settings import SourceSettings

PICTURES_PER_S = 2.0
"""How often single pictures are asked for by default."""

_READ = 1 << 16
_NO_PICTURE = 8 << 20


class _Response(Protocol):
    headers: Any

    def read(self, amount: int) -> bytes: ...

    def read1(self, amount: int) -> bytes: ...

    def close(self) -> None: ...


class _Client:
    """Asks one camera; another thread may have it stop waiting."""

    def __init__(self, address: Address, settings: SourceSettings) -> None:
        self._address, self._timeout_s = address, settings.timeout
        self._socket: socket.socket | None = None
        login: list[urllib.request.BaseHandler] = []
        if address.user is not None:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, address.plain, address.user, address.password or "")
            login.append(urllib.request.HTTPDigestAuthHandler(passwords))
            login.append(urllib.request.HTTPBasicAuthHandler(passwords))
        context = ssl.create_default_context()
        if not settings.tls_verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._opener = urllib.request.build_opener(
            # A camera is near; a proxy is for what is far.
            urllib.request.ProxyHandler({}),
            _http_handler(self),
            _https_handler(self, context),
            *login,
        )

    def get(self) -> _Response:
        """The answer, its body unread.

        Raises:
            FatalError: there is none, or it is an error.
        """
        name = self._address.name
        try:
            return self._opener.open(self._address.plain, timeout=self._timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                why, todo = f"answers with status {error.code}", "check the address"
            if error.code in (401, 403):
                why, todo = self._refused()
            raise FatalError(f"camera {name}", why, todo) from None
        except ValueError:
            # After a refusal by digest, of the handler that only knows the other way.
            raise FatalError(f"camera {name}", *self._refused()) from None
        except (OSError, http.client.HTTPException) as error:
            raise FatalError(f"camera {name}", f"does not open ({reason(error)})", NETWORK) from None

    def _refused(self) -> tuple[str, str]:
        why = "wants user and password" if self._address.user is None else "refuses user and password"
        return why, "give http://user:password@host/…"

    def keep(self, connected: socket.socket | None) -> None:
        """Remember what is to be shut down."""
        self._socket = connected

    def interrupt(self) -> None:
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


NETWORK = "check the address, the camera's power and the network"


def reason(error: BaseException) -> str:
    """Why a connection failed, in a few words."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return reason(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted; tls_verify = false in [source] takes it as it is"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:80] or type(error).__name__


class MjpegCapture:
    """Pictures of one answer that does not end; see `Capture`."""

    def __init__(self, client: _Client, response: _Response, name: str) -> None:
        self._client, self._response, self._name = client, response, name
        self._splitter = JpegSplitter()
        self._ready: deque[Captured] = deque()
        self._any = False

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`; waits for bytes as long as the settings allow."""
        until = time.monotonic() + timeout_s
        while not self._ready:
            if time.monotonic() > until:
                return None
            try:
                data = self._response.read1(_READ)
            except (OSError, http.client.HTTPException, ValueError) as error:
                why = "no bytes any more" if isinstance(error, TimeoutError) else reason(error)
                raise Lost(why) from None
            if not data:
                raise Lost("it ended the stream")
            for picture in self._splitter.feed(data):
                self._ready.append(Captured(Moment.now(), partial(decode_jpeg, picture)))
            if not self._any and not self._ready and self._splitter.skipped > _NO_PICTURE:
                raise FatalError(f"camera {self._name}", "sends no JPEG pictures", "choose MJPEG there")
        self._any = True
        return self._ready.popleft()

    def interrupt(self) -> None:
        """See `Capture`."""
        self._client.interrupt()

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._client.interrupt()


class PictureCapture:
    """Pictures asked for one by one; see `Capture`."""

    def __init__(self, client: _Client, first: _Response, fps: float) -> None:
        self._client, self._interval_s = client, 1 / fps
        self._first: _Response | None = first
        self._due = time.monotonic()

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`."""
        early = self._due - time.monotonic()
        if early > 0:
            time.sleep(min(early, timeout_s))
            if early > timeout_s:
                return None
        try:
            response = self._first or self._client.get()
        except FatalError as error:
            raise Lost(error.why) from None
        self._first = None
        moment = Moment.now()
        try:
            data = _body(response, self._interval_s + 10)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Lost(reason(error)) from None
        finally:
            response.close()
        self._due = max(self._due + self._interval_s, time.monotonic())
        return Captured(moment, partial(decode_jpeg, data))

    def interrupt(self) -> None:
        """See `Capture`."""
        self._client.interrupt()

    def close(self) -> None:
        """Hang up."""
        if self._first:
            self._first.close()
        self._client.interrupt()


def _body(response: _Response, limit_s: float) -> bytes:
    """All of it, unless it is too long or trickles in for ever."""
    data, until = bytearray(), time.monotonic() + limit_s
    while part := response.read1(_READ):
        data += part
        if len(data) > MAX_PICTURE or time.monotonic() > until:
            raise ValueError("picture does not end")
    return bytes(data)


def open_http(address: Address, settings: SourceSettings) -> Capture | None:
    """What *address* gives: a stream or single pictures; None where it is neither, but may be a video.

    Raises:
        FatalError: it does not answer, or with a page.
    """
    client = _Client(address, settings)
    response = client.get()
    kind = response.headers.get_content_type()
    if kind.startswith("multipart/"):
        return MjpegCapture(client, response, address.name)
    if kind in ("image/jpeg", "image/jpg", "image/pjpeg"):
        return PictureCapture(client, response, settings.fps or PICTURES_PER_S)
    response.close()
    client.interrupt()
    if kind in ("text/html", "application/xhtml+xml"):
        todo = "give the address of the stream itself; the camera's manual names it"
        raise FatalError(f"camera {address.name}", "is a web page, not a stream", todo)
    return None


class _Connection(http.client.HTTPConnection):
    client: _Client

    def connect(self) -> None:
        super().connect()
        self.client.keep(self.sock)


class _SafeConnection(http.client.HTTPSConnection):
    client: _Client

    def connect(self) -> None:
        super().connect()
        self.client.keep(self.sock)


def _http_handler(client: _Client) -> urllib.request.BaseHandler:
    def connection(host: str, **options: Any) -> _Connection:
        made = _Connection(host, **options)
        made.client = client
        return made

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(connection, req)  # type: ignore[arg-type]

    return Handler()


def _https_handler(client: _Client, context: ssl.SSLContext) -> urllib.request.BaseHandler:
    def connection(host: str, **options: Any) -> _SafeConnection:
        made = _SafeConnection(host, **{**options, "context": context})
        made.client = client
        return made

    class Handler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(connection, req)  # type: ignore[arg-type]

    return Handler(context=context)
