"""What a service tells systemd: sd_notify(3), by its datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Says how this service is doing to whoever started it; to nobody where that was not systemd.

    Attributes:
        watchdog_s: how long systemd waits for a sign of life; None where it does not.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            # A name in the kernel's abstract space.
            self._address = "\0" + self._address[1:]
        self.watchdog_s: float | None = None
        usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
        if self._address and usec.isdecimal() and int(usec) > 0 and pid == str(os.getpid()):
            self.watchdog_s = int(usec) / 1e6

    def send(self, **fields: str | int) -> None:
        """Tell systemd some fields, such as READY=1 or STATUS="12 frames a second"."""
        if not self._address:
            return
        lines = (f"{key}={' '.join(str(value).split())}" for key, value in fields.items())
        # It may have been restarted, or be busy: there is nothing to be done about it here.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.setblocking(False)
            to.sendto("\n".join(lines).encode(errors="replace"), self._address)
