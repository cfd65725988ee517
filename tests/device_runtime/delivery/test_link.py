"""Two ends and a bad line between them, on a clock that is only a number."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import tracemalloc
from dataclasses import dataclass, field

import pytest

from device_runtime.delivery import link
from device_runtime.delivery.item import MAX_ITEM_BYTES
from device_runtime.delivery.link import SPAN, WINDOW, Receiver, Sender
from device_runtime.delivery.wire import LENGTH, MAX_PAYLOAD, Frame, Kind, decode, encode

TO_HOST, TO_BOARD = 0, 1
PIECE = 64


@dataclass
class Line:
    """A sender, a receiver, and two lines of 115,200 baud that lose, damage and delay what is written.

    Attributes:
        loss: share of the pieces of 64 bytes that are lost.
        damage: share of the bytes that become others.
        gaps: share of the bytes that are lost.
        delay_s: at most, on top of the time that a byte takes.
    """

    seed: int = 1
    loss: float = 0
    damage: float = 0
    gaps: float = 0
    delay_s: float = 0
    now: float = 0
    arrived: list[bytes] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    written: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.sessions = itertools.count(1)
        self.sender, self.receiver = self.new_sender(), Receiver()
        self.queue: list[tuple[float, int, int, bytes]] = []
        self.free, self.last, self.order = [0.0, 0.0], [0.0, 0.0], 0

    def new_sender(self) -> Sender:
        return Sender(new_session=lambda: next(self.sessions))

    def write(self, way: int, data: bytes) -> None:
        begin = max(self.free[way], self.now)
        self.free[way] = begin + len(data) * 10 / 115_200
        self.written += len(data)
        late = self.random.uniform(0, self.delay_s)
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            # As on any line, nothing overtakes.
            when = begin + (at + len(piece)) * 10 / 115_200 + late
            self.last[way] = max(self.last[way], when)
            self.order += 1
            if self.random.random() >= self.loss:
                heapq.heappush(self.queue, (self.last[way], self.order, way, self.noisy(piece)))

    def noisy(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        at = -1
        while self.damage:
            at += 1 + int(math.log(1 - self.random.random()) / math.log(1 - self.damage))
            if at >= len(damaged):
                break
            damaged[at] ^= self.random.randrange(1, 256)
        return bytes(b for b in damaged if self.random.random() >= self.gaps) if self.gaps else bytes(damaged)

    def turn(self) -> bool:
        """Until the next thing happens; whether anything will."""
        if self.free[TO_HOST] <= self.now:
            self.write(TO_HOST, self.sender.send(self.now))
        times = [self.queue[0][0]] if self.queue else []
        due = self.sender.due()
        if self.free[TO_HOST] > self.now:
            times.append(self.free[TO_HOST])
        elif due is not None:
            times.append(max(due, self.now + 1e-3))
        if not times:
            return False
        self.now = max(self.now, min(times))
        while self.queue and self.queue[0][0] <= self.now:
            _, _, way, data = heapq.heappop(self.queue)
            if way == TO_HOST:
                self.arrived += self.receiver.feed(data)
                self.receiver.store()
                self.write(TO_BOARD, self.receiver.reply())
            else:
                self.stored += self.sender.feed(data, self.now)
        return True

    def deliver(self, items: list[bytes], first: int = 0) -> None:
        """Offer *items*, numbered from *first*, and go on until all are stored."""
        key = first
        while len(self.stored) < first + len(items):
            while key < first + len(items) and self.sender.offer(key, items[key - first]):
                key += 1
            assert self.turn()


def made(n: int, seed: int = 0) -> list[bytes]:
    rng = random.Random(seed)
    return [b'{"sequence":%d,"body":"%s"}' % (i, b"x" * rng.randrange(100)) for i in range(n)]


def test_10000_items_over_a_bad_line_arrive_once_and_in_order() -> None:
    line = Line(loss=0.02, damage=0.01, delay_s=0.02)
    items = made(10_000)
    line.deliver(items)
    assert line.arrived == items and line.stored == list(range(10_000))
    assert line.receiver.sessions == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "faults",
    [
        {"loss": 0.3},
        {"damage": 0.03},
        {"gaps": 0.02, "damage": 0.01},
        {"delay_s": 1.0, "loss": 0.02},
        {"loss": 0.02, "damage": 0.01, "delay_s": 0.3},
    ],
    ids=str,
)
def test_worse_lines_are_slower_and_lose_nothing(faults: dict[str, float], seed: int) -> None:
    line = Line(seed=seed, **faults)  # type: ignore[arg-type]
    items = made(100, seed)
    line.deliver(items)
    assert line.arrived == items and line.stored == list(range(100))


def test_a_good_line_is_used_well() -> None:
    line = Line()
    items = made(500)
    line.deliver(items)
    assert line.sender.lost_frames == 0 and line.receiver.duplicate_bytes == 0
    # Frames cost 16 bytes on 240, answers about as much the other way.
    assert sum(map(len, items)) / line.now > 0.85 * 11_520


def test_a_few_losses_cost_little() -> None:
    line = Line(loss=0.02)
    items = [random.Random(1).randbytes(300)] * 700
    line.deliver(items)
    assert sum(map(len, items)) / line.now > 0.7 * 11_520


def test_nothing_is_said_without_items() -> None:
    line = Line()
    assert line.sender.due() is None and line.sender.send(0.0) == b"" and line.receiver.reply() == b""
    line.deliver(made(3))
    assert line.sender.due() is None and line.sender.outstanding == 0
    while line.turn():
        pass
    written = line.written
    line.now += 1000
    assert line.sender.send(line.now) == b"" and line.written == written


def test_an_item_longer_than_the_window_and_an_empty_one_arrive() -> None:
    line = Line(damage=0.001)
    items = [random.Random(1).randbytes(20 * WINDOW), b"", b"last"]
    line.deliver(items)
    assert line.arrived == items


def test_no_more_than_can_be_sent_is_taken() -> None:
    sender = Sender()
    taken = 0
    while sender.offer(taken, bytes(100)):
        taken += 1
    assert (taken - 1) * 104 < SPAN <= taken * 104


def test_a_dead_line_is_asked_ever_more_seldom() -> None:
    line = Line(loss=1.0)
    for key, item in enumerate(made(50)):
        line.sender.offer(key, item)
    while line.now < 3600:
        line.turn()
    # An OPEN each half minute.
    assert line.written < 3600 / 30 * 16 + 500
    line.loss = 0
    restored = line.now
    while len(line.stored) < 50 and line.turn():
        pass
    assert len(line.arrived) == 50 and line.now - restored < 40


def test_a_line_that_dies_in_the_middle_goes_on_where_it_was() -> None:
    line = Line()
    items = made(200)
    line.deliver(items[:100])
    for key, item in enumerate(items[100:130], 100):
        line.sender.offer(key, item)
    line.loss = 1.0
    end = line.now + 600
    while line.now < end:
        line.turn()
    line.loss = 0
    while len(line.stored) < 130 and line.turn():
        pass
    line.deliver(items[130:], 130)
    assert line.arrived == items and line.receiver.sessions == 1


def test_a_receiver_that_restarts_gets_again_what_it_had_not_stored() -> None:
    line = Line(loss=0.02, damage=0.005, seed=3)
    items = made(300)
    offered = 0
    for goal in range(50, 301, 50):
        while len(line.stored) < goal:
            while offered < 300 and line.sender.offer(offered, items[offered]):
                offered += 1
            line.turn()
        line.receiver = Receiver()
    assert line.stored == list(range(len(line.stored)))
    # In order, each at least once; what was stored and not known to be came twice.
    assert [item for item, _ in itertools.groupby(sorted(line.arrived, key=items.index))][:300] == items
    assert line.sender.sessions > 1


def test_a_sender_that_restarts_begins_a_session_of_its_own() -> None:
    line = Line(loss=0.02, damage=0.005)
    items = made(60)
    for key, item in enumerate(items[:30]):
        line.sender.offer(key, item)
    for _ in range(20):
        line.turn()
    line.sender = line.new_sender()
    line.arrived, line.stored = [], []
    line.deliver(items[10:])
    assert [item for item in line.arrived if item in items[10:]][-50:] == items[10:]


def test_only_stored_items_are_forgotten_by_the_sender() -> None:
    sender, receiver = Sender(), Receiver()
    for key in range(3):
        sender.offer(key, b"item")

    def exchange(now: float) -> tuple[list[bytes], list[int]]:
        came = receiver.feed(sender.send(now))
        return came, sender.feed(receiver.reply(), now)

    assert exchange(0.0) == ([], [])
    came, stored = exchange(0.1)
    assert came == [b"item"] * 3 and stored == [] and sender.outstanding == 3
    # All has arrived: it asks now and then whether it is stored.
    assert sender.send(0.2) == b""
    assert exchange(5.0) == ([], [])
    receiver.store()
    assert sender.feed(receiver.reply(), 6.0) == [0, 1, 2]
    assert sender.outstanding == 0


def test_a_stream_ends_before_its_offsets_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_SESSION_BYTES", 2000)
    line = Line(loss=0.02)
    items = made(300)
    line.deliver(items)
    assert line.arrived == items and line.receiver.sessions > 5


def test_frames_of_another_session_are_answered_by_restart_and_taken_by_nobody() -> None:
    receiver = Receiver()
    assert receiver.feed(encode(Frame(Kind.DATA, 5, 0, LENGTH.pack(1) + b"a"))) == []
    assert decode(receiver.reply())[0] == [Frame(Kind.RESTART, 5, 0)]
    sender = Sender()
    sender.offer(0, b"a")
    assert sender.feed(encode(Frame(Kind.ACK, 5, 0, LENGTH.pack(0))), 0.0) == []
    assert sender.sessions == 1


def test_a_stream_with_an_impossible_item_is_begun_again() -> None:
    receiver = Receiver()
    too_long = Frame(Kind.DATA, 5, 0, LENGTH.pack(MAX_ITEM_BYTES + 1))
    assert receiver.feed(encode(Frame(Kind.OPEN, 5, 0)) + encode(too_long)) == []
    assert decode(receiver.reply())[0] == [Frame(Kind.RESTART, 5, 0)]


def test_what_comes_again_behind_a_gap_is_not_kept() -> None:
    receiver = Receiver()
    receiver.feed(encode(Frame(Kind.OPEN, 5, 0)))
    for offset in (500, 600):
        receiver.feed(encode(Frame(Kind.DATA, 5, offset, bytes(200))))
    tracemalloc.start()
    for _ in range(1000):
        receiver.feed(encode(Frame(Kind.DATA, 5, 550, bytes(200))) + encode(Frame(Kind.DATA, 5, 700)))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    assert receiver.duplicate_bytes == 1000 * 200


def test_whatever_well_formed_frames_say_both_ends_go_on() -> None:
    """10,000 frames of the right session with random contents, at a sender and a receiver at work."""
    rng = random.Random(4)
    line = Line(seed=4)
    items = made(200)
    offered = 0
    for _ in range(5_000):
        while offered < 200 and line.sender.offer(offered, items[offered]):
            offered += 1
        session = rng.choice([line.sender.sessions, rng.getrandbits(32)])
        offset = rng.choice([0, rng.randrange(5000), rng.getrandbits(32)])
        payload = rng.randbytes(rng.randrange(MAX_PAYLOAD + 1))
        line.receiver.feed(encode(Frame(rng.choice(list(Kind)), session, offset, payload)))
        line.receiver.store()
        assert len(line.receiver.reply()) < 200
        payload = LENGTH.pack(rng.choice([0, rng.randrange(3000)])) + rng.randbytes(4 * rng.randrange(9))
        line.sender.feed(
            encode(Frame(rng.choice([Kind.ACK, Kind.RESTART]), session, offset, payload)), line.now
        )
        line.sender.send(line.now)
        line.now += 0.01
