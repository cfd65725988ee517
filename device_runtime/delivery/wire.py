"""Frames on a serial line: pure functions from value to bytes and back, for both ends.

    byte   0    1     2     3     4 … 7    8 … 11   12 … 11+n   12+n … 15+n
         +----+----+------+-----+---------+--------+-----------+------------+
         | A5 | 5A | kind |  n  | session | offset |  payload  |   CRC-32   |
         +----+----+------+-----+---------+--------+-----------+------------+
                   '------------- what the CRC-32 covers ------'

Numbers are unsigned and big-endian; CRC-32 is zlib's (polynomial 04C11DB7 reflected, as Ethernet's). *n* is
at most 240. The upper four bits of *kind* are the version of this format, 1.

| kind | from | offset | payload |
| ---- | ---- | ------ | ------- |
| 11 OPEN | sender | 0 | empty: a stream of bytes begins, with a session number of its own |
| 12 DATA | sender | of its first byte in the stream | bytes of the stream; empty asks for an ACK |
| 13 ACK | receiver | bytes received without a gap | `Acknowledgement` |
| 14 RESTART | receiver | 0 | empty: it does not know this session, begin another |

The stream is items, each after its length in four bytes. The sequence number of a frame is the offset of its
first byte, as in TCP, so that what was lost can be sent again in smaller frames.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

MAGIC = b"\xa5\x5a"
MAX_PAYLOAD = 240
OVERHEAD = 16
"""Bytes of a frame beside its payload."""

MAX_OFFSET = (1 << 32) - 1

LENGTH = struct.Struct(">I")
"""What an item in the stream begins with: its number of bytes."""

_HEADER = struct.Struct(">BBII")
_PAIR = struct.Struct(">HH")
_MAX_RANGES = 8


class Kind(enum.IntEnum):
    """What a frame is for."""

    OPEN = 0x11
    DATA = 0x12
    ACK = 0x13
    RESTART = 0x14


@dataclass(frozen=True)
class Frame:
    """One frame; fields as in the drawing above."""

    kind: int
    session: int
    offset: int
    payload: bytes = b""


@dataclass(frozen=True)
class Acknowledgement:
    """The payload of an ACK.

    Attributes:
        stored: the items that end at or before this offset are safe; the sender forgets them.
        ranges: what has been received beyond the frame's offset, as [begin, end) in the stream, rising.
        untold: there may be more of them in this range.
    """

    stored: int
    ranges: tuple[tuple[int, int], ...] = ()
    untold: tuple[int, int] = (0, 0)


def encode(frame: Frame) -> bytes:
    """The bytes of *frame*."""
    payload = frame.payload
    covered = _HEADER.pack(frame.kind, len(payload), frame.session, frame.offset) + payload
    return MAGIC + covered + LENGTH.pack(crc32(covered))


def decode(data: bytes) -> tuple[list[Frame], int]:
    """The frames in *data*, and how many bytes of it are done with.

    Noise is passed over. After a bad checksum the search goes on behind the frame's first byte, so that a
    damaged length costs no frame but its own. What may become a frame with more bytes is not done with.
    """
    frames: list[Frame] = []
    at, size = 0, len(data)
    while True:
        begin, at = at, data.find(MAGIC, at)
        if at < 0:
            # Perhaps half of the next frame's first two bytes.
            return frames, max(begin, size - data.endswith(MAGIC[:1]))
        if size - at < OVERHEAD:
            return frames, at
        kind, length, session, offset = _HEADER.unpack_from(data, at + 2)
        if length > MAX_PAYLOAD or kind not in _KINDS:
            at += 1
            continue
        end = at + OVERHEAD + length
        if end > size:
            return frames, at
        if LENGTH.unpack_from(data, end - 4)[0] == crc32(data[at + 2 : end - 4]):
            frames.append(Frame(kind, session, offset, data[at + 12 : end - 4]))
            at = end
        else:
            at += 1


_KINDS = frozenset(int(kind) for kind in Kind)


def encode_acknowledgement(
    session: int, received: int, stored: int, ranges: Sequence[tuple[int, int]]
) -> bytes:
    """The bytes of an ACK frame.

    Payload: `stored` in four bytes, then for each range the distances of its begin and its end from
    `received` in two bytes each. Of many ranges the four lowest and the four highest are told.
    """
    half = _MAX_RANGES // 2
    told = [*ranges[:half], *ranges[half:][-half:]]
    payload = LENGTH.pack(stored) + b"".join(_PAIR.pack(a - received, b - received) for a, b in told)
    return encode(Frame(Kind.ACK, session, received, payload))


def decode_acknowledgement(frame: Frame) -> Acknowledgement | None:
    """What the ACK *frame* says; None where its payload cannot be one."""
    payload = frame.payload
    if len(payload) < 4 or len(payload) % 4:
        return None
    (stored,) = LENGTH.unpack_from(payload)
    ranges = tuple((frame.offset + a, frame.offset + b) for a, b in _PAIR.iter_unpack(payload[4:]))
    edges = [edge for pair in ranges for edge in pair]
    if any(a >= b for a, b in pairwise([frame.offset, *edges])):
        return None
    half = _MAX_RANGES // 2
    untold = (ranges[half - 1][1], ranges[half][0]) if len(ranges) == _MAX_RANGES else (0, 0)
    return Acknowledgement(stored, ranges, untold)


class Decoder:
    """Puts together frames that arrive in pieces.

    Attributes:
        noise: bytes so far that belonged to no frame.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.noise = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that *data* completes."""
        buffer = self._rest + data
        frames, done = decode(buffer)
        self._rest = buffer[done:]
        self.noise += done - sum(OVERHEAD + len(frame.payload) for frame in frames)
        return frames
