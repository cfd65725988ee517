"""The process that decodes a stream, so that FFmpeg may hang, leak or crash without harm: it is killed.

    run                                   decoder
     │                                      │ loads OpenCV and waits
     │ ── Job (with the address) ─────────▶ │ opens, by OpenCV and FFmpeg
     │ ◀── Opened ───────────────────────── │
     │ ◀── Memory, with a descriptor ────── │ SLOTS frames, shared
     │ ◀── Decoded: slot, moment ────────── │ writes into a free slot
     │ ── number of a slot: is free ──────▶ │
     │ ◀── Ended ────────────────────────── │

They are packets of a socket pair, and so neither a password nor a frame goes where others look.

A process that gets too little of the processor finds ever more of a live stream waiting, and what it decodes
is as old as what waits is long. So frames that are late, and behind which others wait already, are decoded,
since the next ones need them, and left out; where that does not help it ends, to begin with a new one.
"""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import socket
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

SLOTS = 3
"""One is written, one is the newest, one is being copied."""

MAX_PACKET = 1 << 16

LATE_S = 0.1
"""A frame that comes so much later than the promptest so far is left out where the next one waits already."""
HURRY_S = 1.0
"""Of those that are late one is handed on after so long: an old one is better than none."""
HOPELESS_S = 5.0
"""Who is so late is sooner done with beginning anew."""
_DRIFT = 1e-3
"""A camera's clock may be slower than ours by this; the best ones by 1e-5."""


class Job(msgspec.Struct, frozen=True):
    """What to decode.

    Attributes:
        url: for FFmpeg.
        options: for FFmpeg, as OPENCV_FFMPEG_CAPTURE_OPTIONS.
        open_ms, read_ms: how long it may take to open, and for a frame.
        threads: for decoding; each but the first delays frames by one.
        newest: leave out frames that are late; not for what is recorded.
    """

    url: str
    options: str
    open_ms: int
    read_ms: int
    threads: int
    newest: bool = False


class Opened(msgspec.Struct, frozen=True, tag=True):
    """It is open.

    Attributes:
        frames: of a recording; 0 or less of a live stream.
    """

    frames: int


class Memory(msgspec.Struct, frozen=True, tag=True):
    """New memory for frames of this size; its descriptor comes along."""

    height: int
    width: int


class Decoded(msgspec.Struct, frozen=True, tag=True):
    """A frame.

    Attributes:
        slot: where it lies.
        at: when it had arrived, seconds of the monotonic clock.
        position_ms: in the recording.
    """

    slot: int
    at: float
    position_ms: float


class Ended(msgspec.Struct, frozen=True, tag=True):
    """No more frames.

    Attributes:
        opened: whether there could have been any.
        late: there are, but they come faster than they can be decoded here.
    """

    opened: bool
    late: bool = False


Message = Opened | Memory | Decoded | Ended


class _Slots:
    """Those that may be written to."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._free, self._changed = set(range(SLOTS)), threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self, *, wait: bool) -> int | None:
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._free)
            return self._free.pop() if self._free else None

    def give(self, slot: int) -> None:
        with self._changed:
            self._free.add(slot)
            self._changed.notify()

    def _listen(self) -> None:
        # It is reset where the run goes before it has seen every message.
        with suppress(ConnectionError):
            while packet := self._channel.recv(16):
                self.give(int(packet))
        # The run is over, however it ended, and FFmpeg may hang.
        os._exit(0)


class Lateness:
    """How much later than it could be a frame of a live stream is.

    What it took from the camera's moment until now, on two clocks that nobody has compared, less the least
    that it took so far. That least grows by `_DRIFT`, as it seems to where the camera's clock is slower.
    """

    def __init__(self) -> None:
        self._least: float | None = None
        self._at = 0.0

    def of(self, position_s: float, at: float) -> float:
        """Seconds.

        Args:
            position_s: of the frame, by the camera's clock, from any moment on.
            at: seconds of the monotonic clock when it is decoded.
        """
        took = at - position_s
        if self._least is not None:
            self._least += _DRIFT * (at - self._at)
        self._least = took if self._least is None else min(self._least, took)
        self._at = at
        return took - self._least


def _sockets() -> set[int]:
    """Descriptors of all that this process is connected to."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        # That of the folder itself is closed by now.
        with suppress(OSError):
            if str(entry.readlink()).startswith("socket:"):
                found.add(int(entry.name))
    return found


def waits(sockets: set[int]) -> bool:
    """Whether one of *sockets* has received what nobody has taken yet."""
    length = array.array("i", [0])
    for descriptor in sockets:
        with suppress(OSError):
            fcntl.ioctl(descriptor, termios.FIONREAD, length)
            if length[0] > 0:
                return True
    return False


def decode(channel: socket.socket) -> None:
    """Do the job that *channel* brings first."""
    import cv2
    import numpy as np

    if not (packet := channel.recv(MAX_PACKET)):
        # The run is over, and nothing was to be decoded.
        return
    job = msgspec.json.decode(packet, type=Job)
    # OpenCV reads it whenever it opens something.
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = job.options

    def send(message: Message, *descriptors: int) -> None:
        socket.send_fds(channel, [msgspec.json.encode(message)], list(descriptors))

    slots = _Slots(channel)
    limits = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: job.open_ms,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: job.read_ms,
        cv2.CAP_PROP_N_THREADS: job.threads,
    }
    others = _sockets()
    try:
        capture = cv2.VideoCapture(job.url, cv2.CAP_FFMPEG, [x for item in limits.items() for x in item])
        opened = capture.isOpened()
    except (cv2.error, OverflowError):
        opened = False
    if not opened:
        send(Ended(opened=False))
        return
    send(Opened(frames=int(min(capture.get(cv2.CAP_PROP_FRAME_COUNT), 2**53))))
    shared: list[np.ndarray] = []
    stream, lateness = _sockets() - others if job.newest else set(), Lateness()
    late_since: float | None = None
    while capture.grab():
        at = time.monotonic()
        if stream:
            late_s = lateness.of(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, at)
            if late_s > LATE_S and waits(stream):
                if late_s > HOPELESS_S:
                    send(Ended(opened=True, late=True))
                    return
                late_since = at if late_since is None else late_since
                if at - late_since < HURRY_S:
                    continue
            late_since = None
        got, image = capture.retrieve()
        if not got or image is None or image.size == 0 or image.ndim != 3:
            continue
        if not shared or shared[0].shape != image.shape:
            height, width, channels = image.shape
            descriptor = os.memfd_create("frames")
            os.ftruncate(descriptor, SLOTS * height * width * channels)
            memory = mmap.mmap(descriptor, 0)
            shared = list(np.frombuffer(memory, np.uint8).reshape(SLOTS, height, width, channels))
            send(Memory(height=height, width=width), descriptor)
            os.close(descriptor)
        # The run of a live stream looks at what it has when it comes to itself.
        slot = slots.take(wait=not job.newest)
        if slot is None:
            continue
        np.copyto(shared[slot], image)
        send(Decoded(slot=slot, at=at, position_ms=capture.get(cv2.CAP_PROP_POS_MSEC)))
    send(Ended(opened=True))


def main(descriptor: int) -> None:
    """Decode for the process that has the other end of the socket *descriptor*."""
    try:
        with socket.socket(fileno=descriptor) as channel:
            decode(channel)
    except (BrokenPipeError, ConnectionError, KeyboardInterrupt):
        pass
    # Not by way of what FFmpeg's threads may still wait for.
    os._exit(0)
