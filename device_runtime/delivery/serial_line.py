"""Items over a serial line: the port, and the two ends of `link` on it."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import serial

from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.destination import SerialDestination
from device_runtime.delivery.link import SPAN, Receiver, Sender
from device_runtime.delivery.spool import Spool
from device_runtime.delivery.spool_file import Entry
from device_runtime.errors import FatalError

_TURN_S = 0.05
"""A step ends after so long, so that new items and the end of the program are noticed."""

_READ_BYTES = 4096
_OFFERED = 64
"""Items taken from the spool at once."""


class _Port(serial.Serial):
    """A port whose opening does not touch DTR and RTS: a board wired to them would be reset."""

    def _update_dtr_state(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass

    def close(self) -> None:
        if self.is_open:
            with suppress(OSError):
                fcntl.ioctl(self.fileno(), termios.TIOCNXCL)
        super().close()


def open_port(destination: SerialDestination) -> serial.Serial:
    """The port, open in raw mode with 8 data bits, no parity, one stop bit and no flow control.

    It is taken exclusively: `flock`, as other programs on pyserial do, and `TIOCEXCL`, which the kernel heeds
    for all but root. DTR and RTS stay as the kernel sets them, also when it is closed.

    Raises:
        FatalError: it does not exist, is in use or no serial port, or the user may not open it, naming the
            group that may.
    """
    name = str(destination)
    try:
        port = _Port(destination.port, destination.baud, timeout=0, exclusive=True)
    except (OSError, ValueError, OverflowError, termios.error) as error:
        number = getattr(error, "errno", None)
        if number == errno.ENOENT:
            todo = "plug it in, and look for its name in /dev/serial/by-id"
            raise FatalError(name, "does not exist", todo) from None
        if number in (errno.EACCES, errno.EPERM):
            raise FatalError(name, "may not be opened by this user", _permission(destination.port)) from None
        if number in (errno.EAGAIN, errno.EBUSY):
            todo = f"stop it; fuser {destination.port} names it"
            raise FatalError(name, "is used by another program", todo) from None
        why = f"cannot be opened ({os.strerror(number)})" if number else "is no serial port of that speed"
        raise FatalError(name, why, "check the device's name and the speed") from None
    fd = port.fileno()
    try:
        fcntl.ioctl(fd, termios.TIOCEXCL)
        modes = termios.tcgetattr(fd)
        # With it, closing would drop both lines.
        modes[2] &= ~termios.HUPCL
        termios.tcsetattr(fd, termios.TCSANOW, modes)
    except (OSError, termios.error):
        port.close()
        raise FatalError(name, "cannot be set up", "check that it is a serial port") from None
    return port


def _permission(path: str) -> str:
    try:
        status = Path(path).stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "give the user a group that may"
    if group == "root" or status.st_mode & 0o060 != 0o060:
        return f"let a udev rule give {path} a group and mode 0660, or run as root"
    return f"sudo usermod -aG {group} $USER, then log in again"


def _exchange(fd: int, out: bytes, timeout_s: float) -> tuple[bytes, bytes]:
    """Wait until bytes came or could be written: what came, and what of *out* is still to be written.

    Raises:
        OSError: the port is gone.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN | (select.POLLOUT if out else 0))
    # Rounded up, so as not to spin until it is time.
    ready = dict(poll.poll(int(timeout_s * 1000) + 1)).get(fd, 0)
    came = b""
    try:
        if ready & (select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL):
            came = os.read(fd, _READ_BYTES)
            if not came:
                raise OSError(errno.EIO, "disconnected")
        if ready & select.POLLOUT:
            out = out[os.write(fd, out) :]
    except BlockingIOError:
        pass
    return came, out


class SerialChannel:
    """Sends items over a serial line to a `SerialReceiver`."""

    longest_wait_s = 5.0

    def __init__(self, destination: SerialDestination) -> None:
        self.destination = destination
        self.sender = Sender()
        self._port: serial.Serial | None = None
        self._out = b""
        self._offered: dict[int, Entry] = {}
        self._last = 0

    def step(self, spool: Spool) -> float:
        """As `Channel.step`."""
        for entry in spool.after(self._last, _OFFERED, SPAN):
            if not self.sender.offer(entry.sequence, entry.data):
                break
            self._last = entry.sequence
            self._offered[entry.sequence] = entry
        if not self.sender.outstanding:
            return IDLE_S
        try:
            if self._port is None:
                self._port = open_port(self.destination)
                self._out = b""
            self._turn(self._port.fileno(), spool)
        except FatalError as error:
            raise Unreachable(f"{error.why}; {error.todo}") from None
        except OSError as error:
            self.close()
            raise Unreachable(f"is gone ({error.strerror})") from None
        return 0

    def _turn(self, fd: int, spool: Spool) -> None:
        now = time.monotonic()
        end = now + _TURN_S
        while now < end:
            self._out = self._out or self.sender.send(now)
            due = self.sender.due()
            wait = 0.0 if due is None else min(max(due - now, 0), end - now)
            came, self._out = _exchange(fd, self._out, wait)
            now = time.monotonic()
            stored = self.sender.feed(came, now)
            if stored:
                spool.acknowledge([self._offered.pop(sequence) for sequence in stored])
                return

    def abort(self) -> None:
        """As `Channel.abort`: a step is short."""

    def close(self) -> None:
        """As `Channel.close`."""
        if self._port is not None:
            self._port.close()
            self._port = None


class SerialReceiver:
    """Takes the items that a `SerialChannel` sends.

    Args:
        port: as `open_port` gives it, or another file handle of a terminal in raw mode.
        store: keeps items, and returns once they are safe. It may get one twice, and knows that by its
            id. Not all that comes is what `item.decode` accepts: any program can write to a serial line.
    """

    def __init__(self, port: serial.Serial | int, store: Callable[[list[bytes]], None]) -> None:
        self._fd = port if isinstance(port, int) else port.fileno()
        self._store = store
        self.receiver = Receiver()
        self._items: list[bytes] = []
        self._out = b""

    def step(self, timeout_s: float) -> None:
        """Take what comes within *timeout_s*, store and acknowledge it.

        Raises:
            OSError: the port is gone.
            Exception: what `store` raises; the next call gives it the same items again, and more.
        """
        came, self._out = _exchange(self._fd, self._out, timeout_s)
        self._items += self.receiver.feed(came)
        if self._items:
            self._store(self._items)
            self._items = []
            self.receiver.store()
        # Only the newest answer counts: an older one that could not be written yet is cut at no frame's end.
        if not self._out:
            self._out = self.receiver.reply()
