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
_CODE = (
    "import sys; d, *sys.path = sys.argv[1:]; from device_runtime.sources.decoder import main; main(int(d))"
)


class StreamCapture:
    """A stream that another process decodes; see `Capture`.

    Attributes:
        recorded: frames of a recording; 0 of a live stream.
    """

    def __init__(self, address: Address, settings: SourceSettings) -> None:
        """Start the process and have it open the stream.

        Raises:
            FatalError: it does not open.
        """
        self._name = address.name
        if address.scheme in ("rtsp", "rtsps", "http", "https", "rtmp"):
            # In no time, while a decoder that does not get through costs seconds of a core. Not tcp://, whose
            # listener may serve the first caller only.
            _reach(address, settings.timeout)
        self._began = Moment.now()
        self._frames = 0
        self._memory: np.ndarray | None = None
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        # "" is the working directory.
        path = [folder or str(Path.cwd()) for folder in sys.path]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(theirs.fileno()), *path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        job = Job(
            url=address.url,
            options=f"rtsp_transport;{settings.rtsp}",
            open_ms=int(2000 * settings.timeout),
            read_ms=int(1000 * settings.timeout),
            threads=_THREADS,
        )
        try:
            self._channel.send(msgspec.json.encode(job))
            opened = self._receive(2 * settings.timeout + _START_S)
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
                raise Lost("it ended the stream" if self._frames else "no frame")

    def interrupt(self) -> None:
        """`read` keeps to its time."""

    def close(self) -> None:
        """End the process, whatever it is waiting for."""
        with self._lock:
            self._channel.close()
        self._process.kill()
        self._process.wait()

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
    """Connect, to see whether anybody is there.

    Raises:
        FatalError: nobody.
    """
    try:
        if not address.host or address.port is None:
            raise ValueError("it names no host" if not address.host else "it names no port")
        socket.create_connection((address.host, address.port), min(timeout_s, 3.0)).close()
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
