"""Cameras for tests: real servers and pipes whose pictures carry a number, sent when a test says so."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
import pytest

SIZE = (64, 48)
BITS = 16


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for *condition*; a test that waits so long has failed."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "has not come true"
        time.sleep(0.005)


def numbered(number: int) -> np.ndarray:
    """A frame with *number* in black and white columns, BGR."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for bit in range(BITS):
        frame[:, 4 * bit : 4 * bit + 4] = 255 * (number >> bit & 1)
    return frame


def number_of(image: np.ndarray) -> int:
    columns = image.mean(axis=(0, 2)).reshape(BITS, -1)[:, 1:3].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if columns[bit] > 127)


@lru_cache(maxsize=256)
def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", numbered(number))[1].tobytes()


class HttpCamera:
    """A camera that sends MJPEG, or single pictures, over HTTP on a port that it comes back to.

    Attributes:
        style: "lengths", "bare" or "chunked" for a stream, "picture", or a content type with `body`.
        login: user and password that it asks for.
        digest: by digest, else openly.
        silent: accepts, and says nothing.
    """

    def __init__(self, style: str = "lengths") -> None:
        self.style, self.body = style, b""
        self.login: tuple[str, str] | None = None
        self.digest = self.silent = False
        self.number = 0
        self.port = 0
        self.asked: list[bytes] = []
        self._viewers: list[socket.socket] = []
        self._lock = threading.Lock()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    @property
    def viewers(self) -> int:
        with self._lock:
            return len(self._viewers)

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """As when the plug is pulled, but that the kernel says so."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        with self._lock:
            viewers, self._viewers = self._viewers, []
        for viewer in viewers:
            with contextlib.suppress(OSError):
                viewer.shutdown(socket.SHUT_RDWR)
            viewer.close()

    def send(self, data: bytes | None = None) -> int:
        """The next picture, or *data* in its place, to everybody who watches; its number."""
        self.number += 1
        picture = jpeg(self.number) if data is None else data
        head = b"--edge\r\nContent-Type: image/jpeg\r\n"
        if self.style != "bare":
            head += b"Content-Length: %d\r\n" % len(picture)
        part = head + b"\r\n" + picture + b"\r\n"
        if self.style == "chunked":
            middle = len(part) // 2
            part = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in (part[:middle], part[middle:]))
        with self._lock:
            for viewer in self._viewers:
                with contextlib.suppress(OSError):
                    viewer.sendall(part)
        return self.number

    def __enter__(self) -> HttpCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                viewer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(viewer,), daemon=True).start()

    def _answer(self, viewer: socket.socket) -> None:
        request = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in request:
                part = viewer.recv(4096)
                if not part:
                    viewer.close()
                    return
                request += part
            self.asked.append(request)
            if self.silent:
                with self._lock:
                    self._viewers.append(viewer)
                return
            if not self._may(request):
                ask = b'Digest realm="r", nonce="abc", qop="auth"' if self.digest else b'Basic realm="r"'
                viewer.sendall(
                    b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\nWWW-Authenticate: "
                    + ask + b"\r\n\r\n"
                )  # fmt: skip
            elif self.style in ("lengths", "bare", "chunked"):
                extra = b"Transfer-Encoding: chunked\r\n" if self.style == "chunked" else b""
                kind = b"Content-Type: multipart/x-mixed-replace; boundary=edge\r\n"
                viewer.sendall(b"HTTP/1.1 200 OK\r\n" + kind + extra + b"\r\n")
                with self._lock:
                    self._viewers.append(viewer)
                return
            else:
                self.number += 1
                body = jpeg(self.number) if self.style == "picture" else self.body
                kind = b"image/jpeg" if self.style == "picture" else self.style.encode()
                viewer.sendall(
                    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
                    % (kind, len(body)) + body
                )  # fmt: skip
        viewer.close()

    def _may(self, request: bytes) -> bool:
        if self.login is None:
            return True
        user, password = self.login
        if not self.digest:
            return base64.b64encode(f"{user}:{password}".encode()) in request
        sent = dict(re.findall(r'(\w+)="?([^",\r]+)', request.decode()))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        secret, what = digest(f"{user}:r:{password}"), digest(f"GET:{sent.get('uri')}")
        said = f"{secret}:abc:{sent.get('nc')}:{sent.get('cnonce')}:auth:{what}"
        return sent.get("response") == digest(said)


RTSP = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 "
    "! jpegenc ! rtpjpegpay name=pay0 )"
)
factory.set_shared(True)
if len(sys.argv) > 2:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(sys.argv[2], sys.argv[3]), token)
    server.set_auth(auth)
    factory.add_role_from_structure(Gst.Structure.from_string(
        "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true")[0])
server.get_mount_points().add_factory("/video", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


class RtspCamera:
    """GStreamer's RTSP server with a test picture of 160×120, 25 a second."""

    def __init__(self, *login: str) -> None:
        self._login, self.port = login, 0
        self.start()

    def start(self) -> None:
        # The distribution's Python has its bindings; whatever lies in the working directory is not meant.
        command = ["/usr/bin/python3", "-P", "-c", RTSP, str(self.port), *self._login]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    @property
    def url(self) -> str:
        login = ":".join(self._login) + "@" if self._login else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/video"

    def __enter__(self) -> RtspCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def needs_rtsp_server() -> None:
    """Skip where GStreamer's is not installed; `make test` installs it."""
    ask = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    python = Path("/usr/bin/python3")
    if not python.exists() or subprocess.run([python, "-P", "-c", ask], capture_output=True).returncode:
        pytest.skip("gir1.2-gst-rtsp-server-1.0 is not installed")
