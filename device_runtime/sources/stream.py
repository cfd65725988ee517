"""Streams that FFmpeg understands, RTSP above all, decoded by a process of their own; see `decoder`."""

from __future__ import annotations

import mmap
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.address import Address
from device_runtime.sources.decoder import MAX_PACKET, SLOTS, Decoded, Ended, Job, Memory, Message, Opened
from device_runtime.sources.http import NETWORK, reason
from device_runtime.sources.image import Image
from device_runtime.sources.live import Captured, Lost
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import EndOfSource
from device_runtime.sources.video import warn_if_cut

_THREADS = 2
"""A frame of delay, for the streams of 1080p that one core of a board cannot decode."""
_START_S = 20.0
"""How long a board under load may take to start the decoder, before it begins to open the stream."""
_PATIENCE, _LEAST_S = 4.0, 3.0
"""A stream may take so many times as long to open as it did before, but at least so many seconds; twice as
long with each try that fails, up to what the settings allow."""
_CODE = (
    "import sys; d, *sys.path = sys.argv[1:]; from device_runtime.sources.decoder import main; main(int(d))"
)


class _Decoder:
    """A process that will decode what it is told to; while it waits it is being loaded."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # "" is the working directory.
        path = [folder or str(Path.cwd()) for folder in sys.path]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(theirs.fileno()), *path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C is for the run, which ends it.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it is waiting for."""
        self.channel.close()
        self._process.kill()
        self._process.wait()


class Stream:
    """Opens one stream, whenever it is asked to.

    ```
    try ──▶ start a decoder ──▶ does the camera answer? ── no ──▶ the decoder waits for the next try
                                      └─ yes ──▶ the decoder opens the stream
    ```

    So a camera that comes back finds a decoder that is loaded, which takes a small board a second.

    Args:
        address: of the stream.
        settings: of its source.
    """

    def __init__(self, address: Address, settings: SourceSettings) -> None:
        self._address, self._settings = address, settings
        self._ready: _Decoder | None = None
        self._longest_s = self._patience_s = 2 * settings.timeout

    def open(self) -> StreamCapture:
        """Open it.

        Raises:
            FatalError: it does not open.
        """
        address, timeout_s = self._address, self._settings.timeout
        if self._ready is not None and not self._ready.runs:
            self.close()
        self._ready = self._ready or _Decoder()
        if address.scheme in ("rtsp", "rtsps", "http", "https", "rtmp"):
            # Not tcp://, whose listener may serve the first caller only.
            _reach(address, min(timeout_s, 3.0))
        decoder, self._ready = self._ready, None
        began = time.monotonic()
        try:
            capture = StreamCapture(address, self._settings, decoder, self._patience_s)
        except FatalError:
            self._patience_s = min(2 * self._patience_s, self._longest_s)
            raise
        # What has opened so soon need not be waited for much longer when it is half up again.
        took_s = time.monotonic() - began
        self._patience_s = min(max(_PATIENCE * took_s, _LEAST_S), self._longest_s)
        return capture

    def close(self) -> None:
        """Let go of a decoder that waits."""
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.kill()


class StreamCapture:
    """A stream that another process decodes; see `Capture`.

    Attributes:
        recorded: frames of a recording; 0 of a live stream.
    """

    def __init__(self, address: Address, settings: SourceSettings, decoder: _Decoder, open_s: float) -> None:
        """Have *decoder* open the stream within *open_s* seconds.

        Raises:
            FatalError: it does not open; the decoder is ended.
        """
        self._name = address.name
        self._began = Moment.now()
        self._frames = 0
        self._memory: np.ndarray | None = None
        self._decoder, self._channel = decoder, decoder.channel
        self._lock = threading.Lock()
        options = f"rtsp_transport;{settings.rtsp}"
        if address.scheme in ("rtsp", "rtsps"):
            # Else FFmpeg looks at twenty frames, to know how many there are a second.
            options += "|fpsprobesize;0"
        job = Job(
            url=address.url,
            options=options,
            open_ms=int(1000 * open_s),
            read_ms=int(1000 * settings.timeout),
            threads=_THREADS,
            # Others come in pieces of many frames each.
            newest=address.scheme in ("rtsp", "rtsps"),
        )
        try:
            self._channel.send(msgspec.json.encode(job))
            opened = self._receive(open_s + _START_S)
        except (Lost, OSError):
            opened = None
        if not isinstance(opened, Opened):
            self.close()
            why, todo = _diagnosis(address, settings.timeout)
            raise FatalError(f"camera {self._name}", f"does not open ({why})", todo)
        self.recorded = max(opened.frames, 0)

    def read(self, timeout_s: float) -> Captured | None:
        """See `Capture.read`."""
        until = time.monotonic() + timeout_s
        while True:
            message = self._receive(until - time.monotonic())
            if message is None:
                return None
            if isinstance(message, Decoded) and self._memory is not None:
                self._frames += 1
                pixels, slot = self._memory[message.slot], message.slot
                drop = partial(self._free, slot)
                return Captured(self._moment(message), partial(_copied, pixels, drop), drop)
            if isinstance(message, Ended):
                if self.recorded:
                    warn_if_cut(self._name, self._frames, self.recorded)
                    raise EndOfSource
                if message.late:
                    raise Lost("frames come faster than they can be decoded here")
                raise Lost("it ended the stream" if self._frames else "no frame")

    def interrupt(self) -> None:
        """`read` keeps to its time."""

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._decoder.kill()

    def _moment(self, frame: Decoded) -> Moment:
        now = self._began if self.recorded else Moment.now()
        at = now.monotonic + frame.position_ms / 1000 if self.recorded else frame.at
        return Moment(at, now.clock + timedelta(seconds=at - now.monotonic), now.synchronized)

    def _receive(self, timeout_s: float) -> Message | None:
        """The next message; None where there is none in time.

        Raises:
            Lost: the process has ended.
        """
        if not select.select([self._channel], [], [], max(timeout_s, 0.0))[0]:
            return None
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._channel, MAX_PACKET, 1)
        except OSError:
            packet, descriptors = b"", []
        if not packet:
            raise Lost("its decoder has crashed")
        message: Message = msgspec.json.decode(packet, type=Message)  # type: ignore[arg-type]
        if isinstance(message, Memory):
            shape = (SLOTS, message.height, message.width, 3)
            try:
                shared = mmap.mmap(descriptors[0], 0)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            self._memory = np.frombuffer(shared, np.uint8).reshape(shape)
            return self._receive(timeout_s)
        return message

    def _free(self, slot: int) -> None:
        """Tell the decoder that it may write to *slot*; also called by the reader's thread."""
        with self._lock, suppress(OSError):
            self._channel.send(str(slot).encode())


def _copied(pixels: Image, drop: partial[None]) -> Image:
    image = pixels.copy()
    drop()
    return image


def _reach(address: Address, timeout_s: float) -> None:
    """Connect, to see whether anybody is there, which costs nothing where nobody is.

    A server of RTSP is asked what it can do, too: the kernel of one that hangs takes connections.

    Raises:
        FatalError: nobody.
    """
    try:
        if not address.host or address.port is None:
            raise ValueError("it names no host" if not address.host else "it names no port")
        with socket.create_connection((address.host, address.port), timeout_s) as connected:
            if address.scheme == "rtsp":
                connected.sendall(f"OPTIONS {address.plain} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                connected.recv(1)
    except (OSError, ValueError) as error:
        raise FatalError(f"camera {address.name}", f"does not open ({reason(error)})", NETWORK) from None


def _diagnosis(address: Address, timeout_s: float) -> tuple[str, str]:
    """Why a stream does not open, and what to do: RTSP servers say it in the first line of an answer."""
    status = 0
    if address.scheme == "rtsp":
        ask = f"DESCRIBE {address.plain} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
        with suppress(OSError), socket.create_connection((address.host, address.port or 554), timeout_s) as s:
            s.settimeout(timeout_s)
            s.sendall(ask.encode())
            found = re.match(rb"RTSP/1\.\d (\d{3})", s.recv(4096))
            if not found:
                return "what answers is no RTSP server", "check the port"
            status = int(found[1])
        if not status:
            return "it does not answer", NETWORK
    if status == 401:
        why = "wants user and password" if address.user is None else "refuses user and password"
        return why, "give rtsp://user:password@host/…"
    if status == 404:
        return "no such stream there", "check the path; the camera's manual names it"
    if status >= 400:
        return f"answers with status {status}", "check the address"
    return "no stream that can be decoded", "check the address; try H.264 and the camera's sub-stream"
