"""Two pseudo-terminals with a bad line between them, which a thread is."""

from __future__ import annotations

import fcntl
import grp
import os
import pty
import random
import select
import stat
import tempfile
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_runtime.delivery.channel import Unreachable
from device_runtime.delivery.destination import SerialDestination
from device_runtime.delivery.serial_line import SerialChannel, SerialReceiver, open_port
from device_runtime.delivery.spool import Spool
from device_runtime.errors import FatalError
from tests.device_runtime.delivery.spools import fill


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool")
    yield spool
    spool.close()


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """The other end's handle, and the path of a terminal that stands for a serial port."""
    other, port = pty.openpty()
    tty.setraw(port)
    os.set_blocking(other, False)
    try:
        yield other, os.ttyname(port)
    finally:
        os.close(other)
        os.close(port)


def pump(a: int, b: int, stop: threading.Event, loss: float, damage: float) -> None:
    """Carry bytes between two ends until *stop*, and lose and damage some."""
    rng = random.Random(1)
    while not stop.is_set():
        for source in select.select([a, b], [], [], 0.02)[0]:
            data = bytearray(os.read(source, 64))
            for index in range(len(data)):
                if rng.random() < damage:
                    data[index] ^= rng.randrange(1, 256)
            if rng.random() >= loss:
                try:
                    os.write(b if source is a else a, data)
                except BlockingIOError:
                    continue


def test_items_arrive_once_over_two_terminals_and_a_bad_line(spool: Spool) -> None:
    entries = fill(spool, 25)
    stop = threading.Event()
    stored: list[bytes] = []
    with terminal() as (a, board), terminal() as (b, host):
        port = open_port(SerialDestination(host, 115_200))
        receiver = SerialReceiver(port, stored.extend)

        def receive() -> None:
            while not stop.is_set():
                receiver.step(0.02)

        threads = [
            threading.Thread(target=pump, args=(a, b, stop, 0.02, 0.005), daemon=True),
            threading.Thread(target=receive, daemon=True),
        ]
        for thread in threads:
            thread.start()
        channel = SerialChannel(SerialDestination(board, 115_200))
        while not channel.step(spool):
            pass
        stop.set()
        for thread in threads:
            thread.join()
        channel.close()
        port.close()
    assert stored == [e.data for e in entries]
    assert spool.counts.acknowledged == 25 and receiver.receiver.noise > 0


def test_what_cannot_be_stored_is_not_acknowledged_and_given_again(spool: Spool) -> None:
    entries = fill(spool, 2)
    stored: list[bytes] = []
    failures = ["disk full", "disk full"]

    def store(items: list[bytes]) -> None:
        if failures:
            raise OSError(failures.pop())
        stored.extend(items)

    with terminal() as (other, board):
        channel = SerialChannel(SerialDestination(board))
        receiver = SerialReceiver(other, store)
        errors = 0
        while not channel.step(spool):
            try:
                receiver.step(0.0)
            except OSError:
                errors += 1
                assert spool.counts.acknowledged == 0
        channel.close()
    assert errors == 2 and stored == [e.data for e in entries]


def test_an_unplugged_port_is_opened_again_when_it_is_back(spool: Spool, tmp_path: Path) -> None:
    entries = fill(spool, 3)
    link = tmp_path / "port"
    stored: list[bytes] = []
    channel = SerialChannel(SerialDestination(str(link)))
    with pytest.raises(Unreachable, match="does not exist; plug it in"):
        channel.step(spool)
    other, port = pty.openpty()
    tty.setraw(port)
    link.symlink_to(os.ttyname(port))
    os.close(port)
    channel.step(spool)
    os.close(other)
    with pytest.raises(Unreachable, match="is gone"):
        channel.step(spool)
    link.unlink()
    with terminal() as (other, board):
        link.symlink_to(board)
        receiver = SerialReceiver(other, stored.extend)
        while not channel.step(spool):
            receiver.step(0.0)
        channel.close()
    assert stored == [e.data for e in entries]


def test_opening_and_closing_leave_dtr_and_rts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    touched = []
    real = fcntl.ioctl

    def recording(fd: int, request: int, *rest: object) -> object:
        touched.append(request)
        return real(fd, request, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(fcntl, "ioctl", recording)
    with terminal() as (_, board):
        port = open_port(SerialDestination(board, 9600))
        modes = termios.tcgetattr(port.fileno())
        port.close()
    assert not modes[2] & termios.HUPCL and modes[4] == modes[5] == termios.B9600
    assert not modes[3] & termios.ICANON and not modes[2] & (
        termios.CRTSCTS | termios.PARENB | termios.CSTOPB
    )
    assert termios.TIOCEXCL in touched and termios.TIOCNXCL in touched
    assert not {termios.TIOCMBIS, termios.TIOCMBIC, termios.TIOCMSET} & set(touched)


def test_a_port_is_taken_exclusively() -> None:
    with terminal() as (_, board):
        port = open_port(SerialDestination(board))
        with pytest.raises(FatalError, match=r"is used by another program – stop it; fuser /dev/pts/"):
            open_port(SerialDestination(board))
        port.close()
        open_port(SerialDestination(board)).close()


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("/dev/none", "serial:/dev/none@115200: does not exist – plug it in"),
        ("/dev/null", "serial:/dev/null@115200: is no serial port of that speed – check"),
        ("/tmp", "serial:/tmp@115200: cannot be opened (Is a directory) – check"),
    ],
)
def test_what_is_no_port_is_refused_in_one_line(port: str, said: str) -> None:
    with pytest.raises(FatalError) as caught:
        open_port(SerialDestination(port))
    assert str(caught.value).startswith(said)


def test_a_missing_permission_names_the_group() -> None:
    root = os.geteuid() == 0
    group = grp.getgrnam("dialout") if root else grp.getgrgid(os.getegid())
    with tempfile.NamedTemporaryFile(dir="/tmp") as file:
        path = Path(file.name)
        os.chown(path, -1, group.gr_gid)
        path.chmod(stat.S_IRGRP | stat.S_IWGRP)
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(FatalError) as caught:
                open_port(SerialDestination(str(path)))
        finally:
            if root:
                os.seteuid(0)
    assert "may not be opened by this user – sudo usermod -aG " + group.gr_name in str(caught.value)
