"""The two ends of a serial line as state machines: bytes and a clock's value in, bytes out.

    board   Sender.offer(item) ── send(now) ──▶ bytes ──▶ feed(bytes) ── Receiver ──▶ items
            items stored ◀── feed(bytes, now) ◀── bytes ◀── reply() ◀── store()

The receiver acknowledges twice: what has arrived, which moves the window, and what is stored, which the
sender may forget. `wire` has the frames. An item may arrive twice where an end was restarted: whoever stores
them knows by their ids.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device_runtime.delivery.item import MAX_ITEM_BYTES
from device_runtime.delivery.wire import (
    LENGTH,
    MAX_PAYLOAD,
    Decoder,
    Frame,
    Kind,
    decode_acknowledgement,
    encode,
    encode_acknowledgement,
)

WINDOW = 4096
"""Bytes that may be under way. Linux keeps that many for a program that does not read its port just then."""

SPAN = 4 * WINDOW
"""Bytes that may be sent beyond the first that is missing: what is lost twice does not stop the others."""

_FRAMES = 32
"""Frames that may be under way."""

_BURST = 256
"""`send` gives no more bytes at once, one frame aside: what waits in a buffer cannot be taken back."""

_REORDER = 2
"""A frame is lost when one that was sent so many later, plus one, has arrived."""

_MIN_PAYLOAD = 16
_LONGER, _SHORTER = 1.09, 0.85
"""A frame that arrives makes the next ones longer, one that is lost shorter: log 1.09 · share arriving =
-log 0.85 · share lost holds at two thirds, near the best for any rate of damaged bytes."""

_FIRST_S, _MIN_S, _MAX_S = 1.0, 0.5, 30.0
"""Time-outs: before anything was measured, and their bounds."""

_BACKOFF = 1.5
"""Each time-out in a row is so many times the one before."""

_PROBES = 4
"""Frames that may be under way after a time-out, until there is an answer."""

_SESSION_BYTES = 1 << 31
"""A stream ends before its offsets do."""

_RECEIVE_WINDOW = (1 << 16) - 1
"""Ranges are told in two bytes each."""


@dataclass(frozen=True, slots=True)
class _Sent:
    begin: int
    end: int
    at: float
    again: bool


class Sender:
    """Sends items in order until the other end has stored them.

    Args:
        window: bytes that may be under way.
        new_session: makes the number of a stream, below 2³², another one each time.

    Attributes:
        sent_frames, lost_frames: DATA frames so far.
        sessions: times that a stream was begun.
    """

    def __init__(
        self, window: int = WINDOW, new_session: Callable[[], int] = lambda: secrets.randbits(32)
    ) -> None:
        self._decoder = Decoder()
        self._new_session = new_session
        self._window = window
        self._payload = float(MAX_PAYLOAD)
        self._smoothed: float | None = None
        self._variation = 0.0
        self._backoff = 1.0
        self._items: deque[tuple[int, int, bytes]] = deque()
        self.sent_frames = self.lost_frames = self.sessions = 0
        self._begin()

    def _begin(self) -> None:
        """A new stream, of all items that are not stored."""
        self._session = self._new_session()
        self._opened = False
        self._stream = bytearray()
        # Received by the other end up to `_base`, where `_stream` begins; sent up to `_next`.
        self._base = self._next = self._end = 0
        self._flight: list[_Sent] = []
        self._lost: list[tuple[int, int]] = []
        self._frames = _FRAMES
        self._deadline: float | None = None
        items, self._items = self._items, deque()
        for _, key, data in items:
            self._append(key, data)
        self.sessions += 1

    def _append(self, key: int, data: bytes) -> None:
        self._stream += LENGTH.pack(len(data)) + data
        self._end += LENGTH.size + len(data)
        self._items.append((self._end, key, data))

    @property
    def outstanding(self) -> int:
        """Items offered and not known to be stored."""
        return len(self._items)

    def offer(self, key: int, data: bytes) -> bool:
        """Take an item, unless `SPAN` bytes are waiting.

        Args:
            key: what `feed` calls it by.
            data: at most `MAX_ITEM_BYTES`.

        Returns:
            whether it was taken; if not, offer it again later.
        """
        if self._end - self._base >= SPAN:
            return False
        if self._end >= _SESSION_BYTES:
            if self._items:
                return False
            self._begin()
        self._append(key, data)
        return True

    def feed(self, data: bytes, now: float) -> list[int]:
        """Take bytes that arrived, and say which items are stored at the other end since.

        Args:
            data: any bytes.
            now: seconds, of a clock that never goes back.
        """
        stored: list[int] = []
        for frame in self._decoder.feed(data):
            if frame.session != self._session:
                continue
            if frame.kind == Kind.ACK:
                stored += self._acknowledged(frame, now)
            elif frame.kind == Kind.RESTART and self._opened:
                self._begin()
        return stored

    def _acknowledged(self, frame: Frame, now: float) -> list[int]:
        told = decode_acknowledgement(frame)
        if told is None or not told.stored <= frame.offset <= self._next:
            return []
        self._opened = True
        self._backoff, self._frames = 1.0, _FRAMES
        self._arrivals([(0, frame.offset), *told.ranges], told.untold, now)
        if frame.offset > self._base:
            del self._stream[: frame.offset - self._base]
            self._base = frame.offset
        stored = []
        while self._items and self._items[0][0] <= told.stored:
            stored.append(self._items.popleft()[1])
        self._deadline = now + self._timeout() if self._items else None
        return stored

    def _arrivals(self, received: Sequence[tuple[int, int]], untold: tuple[int, int], now: float) -> None:
        """Take the ranges that are *received* off what is under way, and find what is lost."""
        whole = received[0][1]
        begins = [a for a, _ in received]

        def arrived(begin: int, end: int) -> bool:
            return end <= whole or end <= received[bisect_right(begins, begin) - 1][1]

        came = [arrived(sent.begin, sent.end) for sent in self._flight]
        newest = max((index for index, yes in enumerate(came) if yes), default=-1)
        under_way = []
        for index, sent in enumerate(self._flight):
            if came[index]:
                # Shorter ones say little about frames of this length.
                if 2 * (sent.end - sent.begin) >= self._payload:
                    self._payload = min(self._payload * _LONGER, MAX_PAYLOAD)
                if index == newest and not sent.again:
                    self._measured(now - sent.at)
            elif index < newest - _REORDER and not untold[0] <= sent.begin < untold[1]:
                self._payload = max(self._payload * _SHORTER, _MIN_PAYLOAD)
                self._lost.append((sent.begin, sent.end))
                self.lost_frames += 1
            else:
                under_way.append(sent)
        self._flight = under_way
        self._lost = sorted((max(a, whole), b) for a, b in self._lost if not arrived(a, b))

    def _measured(self, seconds: float) -> None:
        """RFC 6298, 2."""
        if self._smoothed is None:
            self._smoothed, self._variation = seconds, seconds / 2
        else:
            self._variation += (abs(self._smoothed - seconds) - self._variation) / 4
            self._smoothed += (seconds - self._smoothed) / 8

    def _timeout(self) -> float:
        usual = _FIRST_S if self._smoothed is None else self._smoothed + 4 * self._variation
        return min(max(usual, _MIN_S) * self._backoff, _MAX_S)

    def due(self) -> float | None:
        """When `send` has something to say even if nothing arrives; None if it never will."""
        if not self._items:
            return None
        return 0.0 if self._deadline is None else self._deadline

    def send(self, now: float) -> bytes:
        """Bytes to write now; call it again when they are written, after each `feed`, and when `due`.

        Args:
            now: seconds, of the clock that `feed` is given.
        """
        if not self._items:
            return b""
        late = self._deadline is not None and now >= self._deadline
        if not self._opened:
            if self._deadline is not None and not late:
                return b""
            self._wait_longer(now, late)
            return encode(Frame(Kind.OPEN, self._session, 0))
        if late:
            # All that is under way, though a few frames only until there is an answer.
            self._lost = sorted(self._lost + [(sent.begin, sent.end) for sent in self._flight])
            self.lost_frames += len(self._flight)
            self._flight, self._frames = [], _PROBES
            self._payload = max(self._payload * _SHORTER, _MIN_PAYLOAD)
            self._wait_longer(now, late)
        out = b""
        under_way = sum(sent.end - sent.begin for sent in self._flight)
        while len(self._flight) < self._frames and under_way < self._window and len(out) < _BURST:
            again = bool(self._lost)
            begin, end = self._piece()
            if begin == end:
                break
            payload = bytes(self._stream[begin - self._base : end - self._base])
            out += encode(Frame(Kind.DATA, self._session, begin, payload))
            self._flight.append(_Sent(begin, end, now, again))
            self.sent_frames += 1
            under_way += end - begin
        if late and not out:
            # Everything has arrived; is it stored?
            out = encode(Frame(Kind.DATA, self._session, self._next))
        if self._deadline is None:
            self._deadline = now + self._timeout()
        return out

    def _wait_longer(self, now: float, late: bool) -> None:
        if late:
            self._backoff = min(self._backoff * _BACKOFF, _MAX_S / _MIN_S)
        self._deadline = now + self._timeout()

    def _piece(self) -> tuple[int, int]:
        """What to send next: of what was lost, else new; empty where `SPAN` or the items end."""
        size = int(self._payload)
        if self._lost:
            begin, end = self._lost.pop(0)
            if end - begin > size:
                self._lost.insert(0, (begin + size, end))
                end = begin + size
            return begin, end
        begin = self._next
        self._next = max(begin, min(begin + size, self._end, self._base + SPAN))
        return begin, self._next


class Receiver:
    """Puts the items of a sender together.

    Attributes:
        sessions: streams begun so far.
        duplicate_bytes: received again.
    """

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._session: int | None = None
        self._stranger: int | None = None
        self._answer = False
        self.sessions = self.duplicate_bytes = 0
        self._begin()

    def _begin(self) -> None:
        self._received = self._handed = self._stored = 0
        # Beyond the first gap: (offset, bytes), rising.
        self._beyond: list[tuple[int, bytes]] = []
        self._partial = bytearray()

    @property
    def noise(self) -> int:
        """Bytes so far that belonged to no frame."""
        return self._decoder.noise

    def feed(self, data: bytes) -> list[bytes]:
        """The items that *data* completes, in order; call `store` when they are safe, then `reply`."""
        items: list[bytes] = []
        for frame in self._decoder.feed(data):
            if frame.kind == Kind.OPEN:
                if frame.session != self._session:
                    self._session = frame.session
                    self._begin()
                    self.sessions += 1
                self._answer = True
            elif frame.kind == Kind.DATA and frame.session == self._session:
                self._answer = True
                self._take(frame)
                items += self._items()
            elif frame.kind == Kind.DATA:
                self._stranger = frame.session
        return items

    def _take(self, frame: Frame) -> None:
        begin, payload = frame.offset, frame.payload
        end = begin + len(payload)
        if end > self._received + _RECEIVE_WINDOW:
            return
        if end <= self._received:
            self.duplicate_bytes += len(payload)
            return
        # What adds nothing is not kept: a gap may stay open for as long as it likes.
        if any(a <= begin and end <= b for a, b in self._ranges()):
            self.duplicate_bytes += len(payload)
            return
        insort(self._beyond, (begin, payload))
        while self._beyond and self._beyond[0][0] <= self._received:
            begin, payload = self._beyond.pop(0)
            new = payload[self._received - begin :]
            self.duplicate_bytes += len(payload) - len(new)
            self._partial += new
            self._received += len(new)

    def _items(self) -> list[bytes]:
        items: list[bytes] = []
        at = 0
        while len(self._partial) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._partial, at)
            if length > MAX_ITEM_BYTES:
                # No sender says so: begin another stream.
                self._stranger, self._session = self._session, None
                self._begin()
                return items
            end = at + LENGTH.size + length
            if end > len(self._partial):
                break
            items.append(bytes(self._partial[at + LENGTH.size : end]))
            at = end
        if at:
            del self._partial[:at]
            self._handed = self._received - len(self._partial)
        return items

    def store(self) -> None:
        """All items handed out so far are safe: on disk, or known already by their ids."""
        if self._stored != self._handed:
            self._stored = self._handed
            self._answer = True

    def reply(self) -> bytes:
        """Bytes to write: what has arrived and is stored; nothing if nobody asked since."""
        out = b""
        if self._stranger is not None:
            out += encode(Frame(Kind.RESTART, self._stranger, 0))
            self._stranger = None
        if self._answer and self._session is not None:
            out += encode_acknowledgement(self._session, self._received, self._stored, self._ranges())
        self._answer = False
        return out

    def _ranges(self) -> list[tuple[int, int]]:
        ranges: list[tuple[int, int]] = []
        for begin, payload in self._beyond:
            end = begin + len(payload)
            if ranges and begin <= ranges[-1][1]:
                ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
            else:
                ranges.append((begin, end))
        return ranges
