"""What the benchmark and its workers say to each other: length-prefixed MessagePack over pipes."""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

_LENGTH = struct.Struct("<Q")


class Convert(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Write the model of *checkpoint* for a runtime, *module*'s, into *folder*, which is empty.

    `calibration` is a float32[N,3,24,94] `.npy` file, the same for every runtime; `target` is for the
    project's own.
    """

    module: str
    precision: str
    checkpoint: str
    calibration: str
    folder: str
    isa: str
    target: str


class Load(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Get the model in *folder* ready; a process loads one model in its life."""

    module: str
    precision: str
    folder: str
    threads: int


class Time(msgspec.Struct, frozen=True, tag=True):
    """Run *warmup* inferences, then time *inferences*, on the inputs of a `.npy` file in turn."""

    inputs: str
    inferences: int
    warmup: int


class Evaluate(msgspec.Struct, frozen=True, tag=True):
    """Logits of every input float32[N,3,24,94] of a `.npy` file, batch 1, into another `.npy` file."""

    inputs: str
    output: str


class Read(msgspec.Struct, frozen=True, tag=True):
    """The plates on every frame of a `.npy` file, uint8[N,H,W,3] BGR; for pipelines."""

    frames: str


class Versions(msgspec.Struct, frozen=True, tag=True):
    """Which of these distributions are installed."""

    distributions: tuple[str, ...]


class Done(msgspec.Struct, frozen=True, tag=True):
    """A request without a result has been carried out."""


class Timed(msgspec.Struct, frozen=True, tag=True):
    """Nanoseconds of each inference."""

    nanoseconds: tuple[int, ...]


class Plate(msgspec.Struct, frozen=True):
    """A plate on a frame: its text, and its corners from top left clockwise, px."""

    text: str
    corners: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


class Seen(msgspec.Struct, frozen=True, tag=True):
    """The plates on each frame."""

    frames: tuple[tuple[Plate, ...], ...]


class Installed(msgspec.Struct, frozen=True, tag=True):
    """Version by distribution; those that are not installed are left out."""

    versions: dict[str, str]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Why a request was not carried out, in one line."""

    reason: str


Request = Convert | Load | Time | Evaluate | Read | Versions
Reply = Done | Timed | Seen | Installed | Failed

encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode


def frame(message: bytes) -> bytes:
    """*message* with its length in front, little-endian uint64."""
    return _LENGTH.pack(len(message)) + message


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message, or None where the stream ends."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None
