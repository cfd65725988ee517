from __future__ import annotations

import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device_runtime.delivery.append import FileChannel
from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.delivery import Delivery, open_channel
from device_runtime.delivery.destination import FileDestination, parse_destination
from device_runtime.delivery.item import Item, decode
from device_runtime.delivery.post import HttpChannel
from device_runtime.delivery.serial_line import SerialChannel
from device_runtime.delivery.spool import Spool
from device_runtime.schema import Tolerant
from host.endure.kills import address, start
from host.endure.web_host import Host, serving


class Nowhere:
    """A way that nothing goes."""

    longest_wait_s = 60.0

    def __init__(self) -> None:
        self.tried = threading.Event()

    def step(self, spool: Spool) -> float:
        self.tried.set()
        raise Unreachable("nobody there")

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(Host()) as host:
        yield host


def items_in(path: Path) -> list[Item]:
    return [decode(line, str(path)) for line in path.read_bytes().splitlines()]


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


class Event(Tolerant, frozen=True):
    text: str


def test_items_reach_a_file_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Delivery(FileDestination(path), tmp_path / "spool") as delivery:
        ids = [delivery.put("event", Event(text=str(i))) for i in range(50)]
        ids.append(delivery.put("health", {"frames": 7, "per_camera": {0: 7}}))
    items = items_in(path)
    assert [item.id for item in items] == ids and [item.sequence for item in items] == list(range(1, 52))
    assert items[3].body == {"text": "3"} and items[-1].body == {"frames": 7, "per_camera": {"0": 7}}
    counts = delivery.counts()
    assert (counts.spooled, counts.acknowledged, sum(counts.dropped.values())) == (51, 51, 0)


def test_items_wait_for_a_host_that_is_away_and_arrive_once(
    host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host.faults = ["drop", 500, "lose"]
    delivery = Delivery(address(host), tmp_path)
    for i in range(10):
        delivery.put("event", {"i": i})
    until(lambda: delivery.counts().acknowledged == 10)
    delivery.close()
    assert sorted(host.items.values()) == list(range(1, 11))
    said = [record.getMessage() for record in caplog.records]
    assert (
        len(said) == 2
        and said[0].endswith(f"items wait in {tmp_path}")
        and said[1].endswith("takes items again")
    )


def test_what_was_not_sent_is_sent_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Delivery(FileDestination(path), tmp_path / "spool", channel=Nowhere()) as delivery:
        ids = [delivery.put("event", {}) for _ in range(5)]
    with Delivery(FileDestination(path), tmp_path / "spool") as delivery:
        ids += [delivery.put("event", {}) for _ in range(5)]
    assert [(i.id, i.sequence) for i in items_in(path)] == list(zip(ids, range(1, 11), strict=True))


def test_a_clock_that_jumps_changes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    clocks = iter([0, 1_800_000_000_000_000_000, 5, 1_700_000_000_000_000_000])
    with Delivery(FileDestination(path), tmp_path / "spool") as delivery:
        monkeypatch.setattr(time, "time_ns", lambda: next(clocks))
        ids = [delivery.put("event", {}) for _ in range(4)]
        monkeypatch.undo()
    assert [item.id for item in items_in(path)] == ids != sorted(str(i) for i in ids)


def test_close_keeps_what_a_silent_host_does_not_take(host: Host, tmp_path: Path) -> None:
    """The host is released only after `close` came back."""
    host.faults = ["stall"] * 100
    delivery = Delivery(address(host), tmp_path)
    for i in range(20):
        delivery.put("event", {"i": i})
    assert delivery.close(1.0) and delivery.close(1.0)
    assert delivery.put("event", {}) is None and delivery.counts().dropped["event"] == 1
    host.faults = []
    host.released.set()
    with Delivery(address(host), tmp_path) as again:
        until(lambda: again.counts().acknowledged == 20)
    assert len(host.items) == 20


def test_put_does_not_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()
    real = os.write

    def hang(handle: int, data: bytes) -> int:
        hanging.wait()
        return real(handle, data)

    with Delivery(FileDestination(tmp_path / "x"), tmp_path / "spool", channel=Nowhere()) as delivery:
        monkeypatch.setattr(os, "write", hang)
        ids = [delivery.put("event", {}) for _ in range(1200)]
        # Bounded: what does not fit is dropped and counted, and its number shows that it is missing.
        lost = ids.count(None)
        assert 190 <= lost <= 200 and delivery.counts().dropped["event"] == lost
        monkeypatch.undo()
        hanging.set()
    assert delivery.counts().spooled == 1200 - lost


def test_a_full_disk_does_not_stop_the_sending(
    host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = Delivery(address(host), tmp_path)
    delivery.put("event", {})
    until(lambda: delivery.counts().acknowledged == 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        for _ in range(9):
            delivery.put("event", {})
        until(lambda: delivery.counts().acknowledged == 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    delivery.close()
    assert len(host.items) == 10 and delivery.counts().waited == 9
    assert len([record for record in caplog.records if "items wait in memory" in record.getMessage()]) == 1


def test_a_fault_of_the_way_itself_does_not_end_the_sending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(FileChannel):
        faults = 1

        def step(self, spool: Spool) -> float:
            if self.faults:
                self.faults -= 1
                raise RuntimeError("odd")
            return super().step(spool)

    delivery = Delivery(FileDestination(tmp_path / "x"), tmp_path / "s", channel=Faulty(tmp_path / "x"))
    delivery.put("event", {})
    until(lambda: delivery.counts().acknowledged == 1)
    delivery.close()
    assert "RuntimeError: odd" in caplog.text


def test_what_is_no_item_is_not_taken(tmp_path: Path) -> None:
    with Delivery(FileDestination(tmp_path / "x"), tmp_path / "s") as delivery:
        with pytest.raises(ValueError, match="alarm"):
            delivery.put("alarm", {})
        assert delivery.put("event", {"x": "x" * (1 << 20)}) is None
        assert delivery.put("event", {}) is not None
    assert delivery.counts().refused == 1 and [i.sequence for i in items_in(tmp_path / "x")] == [1]


def test_each_destination_has_its_way() -> None:
    assert isinstance(open_channel(parse_destination("file:x")), FileChannel)
    assert isinstance(open_channel(parse_destination("serial:/dev/ttyS0")), SerialChannel)
    assert isinstance(open_channel(parse_destination("https://h/")), HttpChannel)


def test_sigterm_flushes_and_ends(host: Host, tmp_path: Path) -> None:
    host.faults = ["stall"] * 100
    with start(tmp_path, host, 0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        numbers = process.stdout.read().split()
    assert process.returncode == 0
    spool = Spool(tmp_path)
    spool.sync()
    left = len(spool.after(0, 10_000, 1 << 24))
    assert left >= (int(numbers[-1]) if numbers else 1) and spool.counts.damaged == 0
    spool.close()
