"""A live view for aiming a camera: what is seen and read, in a browser.

    reader ── newest result ──▶ encoder, while somebody looks ── newest picture ──▶ a thread for each browser

The reader only leaves a reference behind. The encoder gives way to it, as a thread of low priority on any
core, and whoever is slower than it misses pictures.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

import cv2

from device_runtime.locate.geometry import width_of
from device_runtime.locate.region import Region
from device_runtime.reader import Plate
from device_runtime.service.address import Address, token_for
from device_runtime.service.settings import ViewSettings
from device_runtime.service.web import Handler, Limits, Refused, WebServer
from device_runtime.sinks.glyphs import Glyphs
from device_runtime.sinks.pictures import frame_picture, marks_of
from device_runtime.sinks.sink import Result, Sink

log = logging.getLogger(__name__)

TOKEN = "LPR_VIEW_TOKEN"
"""Environment variable of the token; see `read_secret`."""

_OTHER_CONNECTIONS = 6
"""Beside those that look: pages, and questions for the state."""

_PAGES = Path(__file__).with_name("pages")
_BOUNDARY = b"picture"
_QUIET_S = 2.0
"""After so long without a new picture it is asked whether the browser is still there."""

_SEND_BYTES = 128 << 10
"""What waits for a slow browser: more would show it what was long ago."""


@dataclass(frozen=True, eq=False)
class _Picture:
    jpeg: bytes


class View(Sink):
    """Shows the newest frame and its plates to whoever looks.

    Args:
        address: where to listen.
        region: the part of each frame that is looked at.
        glyphs: for the texts.
        settings: of the pictures.
        environment: where the token comes from.

    Attributes:
        looking: how many look now.
        drawn: pictures so far.

    Raises:
        FatalError: the address cannot be listened at, or others can reach it and there is no token.
    """

    def __init__(
        self,
        address: Address,
        *,
        region: Region | None = None,
        glyphs: Glyphs | None = None,
        settings: ViewSettings | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = settings or ViewSettings()
        self._region, self._glyphs = region, glyphs
        self._lock = threading.Lock()
        self._result_is_new, self._picture_is_new = (
            threading.Condition(self._lock),
            threading.Condition(self._lock),
        )
        self._result: Result | None = None
        self._picture: _Picture | None = None
        self.looking = self.drawn = 0
        self._frames, self._rate, self._counted, self._counted_at = 0, 0.0, 0, time.monotonic()
        self._newest_at: float | None = None
        self._state: dict[str, Any] = {}
        self._closed = False

        class Asked(_Handler):
            view = self

        limits = Limits(connections=self.settings.clients + _OTHER_CONNECTIONS)
        self._server = WebServer(
            address, Asked, token_for(address, "--view", TOKEN, environment), limits, "--view"
        )
        self._encoder = threading.Thread(target=self._encode, name="view", daemon=True)
        self._encoder.start()
        self._server.start()
        log.info("live view at http://%s/", self._server.address)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._server.address

    def add(self, result: Result) -> None:
        """As `Sink.add`."""
        self._frames += 1
        self._newest_at = time.monotonic()
        if self.looking:
            with self._lock:
                self._result = result
                self._result_is_new.notify()

    def tick(self) -> None:
        """As `Sink.tick`."""
        now = time.monotonic()
        self._rate = (self._frames - self._counted) / max(now - self._counted_at, 1e-3)
        self._counted, self._counted_at = self._frames, now

    def close(self) -> None:
        """As `Sink.close`."""
        with self._lock:
            self._closed = True
            self._result_is_new.notify_all()
            self._picture_is_new.notify_all()
        self._server.close()

    def pictures(self, send: Callable[[bytes], None], has_gone: Callable[[], bool]) -> None:
        """Give each new picture, a JPEG, to *send* until it fails, the view is closed, or *has_gone* says so.

        Raises:
            Refused: too many look already.
        """
        with self._lock:
            if self.looking >= self.settings.clients:
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many look already", Retry_After="5")
            self.looking += 1
        try:
            last: _Picture | None = None
            while not self._closed:
                picture = self._newest(last)
                if picture is not None and picture is not last:
                    send(picture.jpeg)
                elif has_gone():
                    return
                last = picture
        finally:
            with self._lock:
                self.looking -= 1
                if not self.looking:
                    # They may hold 6 MB each.
                    self._result = self._picture = None

    def _newest(self, last: _Picture | None) -> _Picture | None:
        """The newest picture, as soon as it is not *last*; what there is if that takes too long."""
        with self._lock:
            self._picture_is_new.wait_for(
                lambda: self._closed or (self._picture is not None and self._picture is not last), _QUIET_S
            )
            return self._picture

    def state(self) -> dict[str, Any]:
        """What is shown beside the picture."""
        newest = self._newest_at
        return {
            "frames_a_second": round(self._rate, 1),
            "age_s": None if newest is None else round(time.monotonic() - newest, 1),
            **self._state,
        }

    def _encode(self) -> None:
        _give_way()
        due = 0.0
        while True:
            with self._lock:
                self._result_is_new.wait_for(lambda: self._closed or self._result is not None)
                if self._closed:
                    return
            # Nothing newer than what there is when it is time for it.
            time.sleep(max(due - time.monotonic(), 0.0))
            with self._lock:
                result, self._result = self._result, None
            if result is None:
                continue
            due = time.monotonic() + 1 / self.settings.fps
            try:
                jpeg = self._draw(result)
            except Exception as error:
                # A picture less is no reason for anything.
                log.debug("a picture failed: %s", error)
                continue
            with self._lock:
                self.drawn += 1
                self._picture = _Picture(jpeg)
                self._state = _state_of(result)
                self._picture_is_new.notify_all()

    def _draw(self, result: Result) -> bytes:
        image = result.frame.image
        marks = marks_of(result, self._region)
        picture = frame_picture(image, self._region, marks, self._glyphs, self.settings.longest)
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self.settings.quality])[1]
        return encoded.tobytes()


class _Handler(Handler):
    view: ClassVar[View]
    gets: ClassVar[Mapping[str, str]] = {
        "/": "page",
        "/view.css": "style",
        "/view.js": "script",
        "/state": "state",
        "/stream.mjpg": "stream",
    }

    def page(self) -> None:
        self.reply((_PAGES / "view.html").read_bytes(), "text/html; charset=utf-8")

    def style(self) -> None:
        self.reply((_PAGES / "view.css").read_bytes(), "text/css; charset=utf-8")

    def script(self) -> None:
        self.reply((_PAGES / "view.js").read_bytes(), "text/javascript; charset=utf-8")

    def state(self) -> None:
        self.reply_json(self.view.state())

    def stream(self) -> None:
        begun = False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)

        def send(jpeg: bytes) -> None:
            nonlocal begun
            if not begun:
                begun = True
                self.begin(f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}")
                self.wfile.write(b"--" + _BOUNDARY + b"\r\n")
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            # Browsers show a picture when the next boundary has come.
            self.wfile.write(head + jpeg + b"\r\n--" + _BOUNDARY + b"\r\n")

        self.view.pictures(send, self.has_gone)


def _state_of(result: Result) -> dict[str, Any]:
    height, width = result.frame.image.shape[:2]
    return {
        "width": width,
        "height": height,
        "total_ms": round(result.timings_ms.get("total", 0.0), 1),
        "plates": [
            {
                "text": one.text if isinstance(one, Plate) else None,
                "why": None if isinstance(one, Plate) else one.why,
                "confidence": round(one.reading.confidence, 3) if one.reading else None,
                "width": round(float(width_of(one.place.corners))) if one.place else None,
            }
            for one in result.found
        ],
    }


def _give_way() -> None:
    """Let this thread use any core, and only what others leave of them."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    except OSError:
        # Then it competes; the frame rate bounds it.
        pass
