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
"""

from __future__ import annotations

import mmap
import os
import socket
import threading
import time

import msgspec

SLOTS = 3
"""One is written, one is the newest, one is being copied."""

MAX_PACKET = 1 << 16


class Job(msgspec.Struct, frozen=True):
    """What to decode.

    Attributes:
        url: for FFmpeg.
        options: for FFmpeg, as OPENCV_FFMPEG_CAPTURE_OPTIONS.
        open_ms, read_ms: how long it may take to open, and for a frame.
        threads: for decoding; each but the first delays frames by one.
    """

    url: str
    options: str
    open_ms: int
    read_ms: int
    threads: int


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
    """No more frames; *opened* whether there could have been any."""

    opened: bool


Message = Opened | Memory | Decoded | Ended


class _Slots:
    """Those that may be written to."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._free, self._changed = set(range(SLOTS)), threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._free)
            return self._free.pop()

    def give(self, slot: int) -> None:
        with self._changed:
            self._free.add(slot)
            self._changed.notify()

    def _listen(self) -> None:
        while packet := self._channel.recv(16):
            self.give(int(packet))
        # The run is over, however it ended, and FFmpeg may hang.
        os._exit(0)


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
    while capture.grab():
        at = time.monotonic()
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
        slot = slots.take()
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
