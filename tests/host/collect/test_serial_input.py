"""Over pseudo-terminals, joined by a thread where both ends are ports."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_runtime.delivery.destination import SerialDestination
from device_runtime.delivery.serial_line import SerialChannel
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.errors import FatalError
from host.collect.metrics import Metrics
from host.collect.serial_input import SerialInput, SerialSource, parse_serial
from host.store.store import Store
from tests.host.collect.collecting import until
from tests.items import encoded, event


@contextmanager
def line() -> Iterator[tuple[str, str]]:
    """The two ports of a line: the board's and the host's."""
    ends = [pty.openpty() for _ in range(2)]
    for other, port in ends:
        tty.setraw(port)
        os.set_blocking(other, False)
    stop, others = threading.Event(), [other for other, _ in ends]

    def carry() -> None:
        while not stop.is_set():
            for source in select.select(others, [], [], 0.02)[0]:
                os.write(others[source == others[0]], os.read(source, 4096))

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        stop.set()
        thread.join()
        for one in (handle for end in ends for handle in end):
            os.close(one)


def put(spool: Spool, *datas: bytes) -> None:
    for data in datas:
        spool.append(Entry(spool.last_sequence + 1, f"{spool.last_sequence}", "event", data))
    spool.sync()


def test_what_is_stored_is_acknowledged_and_what_is_worthless_too(store: Store, tmp_path: Path) -> None:
    spool, metrics = Spool(tmp_path / "spool"), Metrics()
    one = encoded("event", event())
    put(spool, one, b"nonsense", one, encoded("event", event()))
    with line() as (board, host):
        taking = SerialInput(SerialSource("gate", SerialDestination(host)), store, metrics)
        channel = SerialChannel(SerialDestination(board))
        until(lambda: channel.step(spool) is not None and spool.empty)
        channel.close()
        taking.close(5)
    assert [row.board for row in store.events().rows] == ["gate", "gate"]
    outcomes = ("stored", "known", "refused")
    assert [metrics.value("lpr_items_total", way="serial", outcome=o) for o in outcomes] == [2, 1, 1]


def test_a_port_is_one_collectors_and_comes_back_when_plugged_in(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugged = tmp_path / "ttyUSB0"
    source = SerialSource("gate", SerialDestination(str(plugged)))
    spool = Spool(tmp_path / "spool")
    with line() as (board, host):
        plugged.symlink_to(host)
        taking = SerialInput(source, store, Metrics())
        with pytest.raises(FatalError, match=r"ttyUSB0@115200: is used by another program – stop it"):
            SerialInput(source, store, Metrics())
        put(spool, encoded("event", event()))
        channel = SerialChannel(SerialDestination(board))
        until(lambda: channel.step(spool) is not None and spool.empty)
        channel.close()
        plugged.unlink()
    until(lambda: not taking.is_open)
    assert "gate is waited for" in caplog.text
    with line() as (board, host):
        plugged.symlink_to(host)
        put(spool, encoded("event", event()))
        channel = SerialChannel(SerialDestination(board))
        until(lambda: channel.step(spool) is not None and spool.empty)
        channel.close()
        taking.close(5)
    assert len(store.events().rows) == 2


def test_a_port_that_is_not_there_yet_is_waited_for(store: Store, tmp_path: Path) -> None:
    taking = SerialInput(SerialSource("gate", SerialDestination(str(tmp_path / "none"))), store, Metrics())
    assert not taking.is_open
    taking.close(5)
    with pytest.raises(FatalError, match="is no serial port"):
        plain = tmp_path / "plain"
        plain.touch()
        SerialInput(SerialSource("gate", SerialDestination(str(plain))), store, Metrics())


@pytest.mark.parametrize(
    ("text", "board", "port"),
    [
        ("/dev/ttyUSB0", "ttyUSB0", "serial:/dev/ttyUSB0@115200"),
        ("north gate=/dev/ttyAMA0@9600", "north gate", "serial:/dev/ttyAMA0@9600"),
        ("/dev/a=b@300", "a=b", "serial:/dev/a=b@300"),
    ],
)
def test_a_line_has_a_board(text: str, board: str, port: str) -> None:
    found = parse_serial(text)
    assert (found.board, str(found.port)) == (board, port)


@pytest.mark.parametrize("text", ["", "ttyUSB0", "=/dev/x", "gate=", "gate=dev", "/dev/x@fast"])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(FatalError):
        parse_serial(text)
