from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device_runtime.service.notify import Notifier
from device_runtime.service.watchdog import Watchdog
from device_runtime.sinks.sink import Result
from device_runtime.sources.frame import Frame


class Systemd:
    """The other end of a notify socket."""

    def __init__(self, path: Path) -> None:
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind(str(path))
        self._end.setblocking(False)
        self.notifier = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})

    def heard(self) -> list[str]:
        """What was said since it was asked last."""
        lines: list[str] = []
        while True:
            try:
                lines += self._end.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._end.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    end = Systemd(tmp_path / "notify")
    yield end
    end.close()


RESULT = Result(
    frame=Frame(source="0#1", image=np.zeros((4, 4, 3), np.uint8)),
    plates=(),
    unread=(),
    truth=None,
    timings_ms={},
)


def test_it_is_fed_while_frames_are_handled_or_a_camera_is_away(systemd: Systemd) -> None:
    lost = False
    watchdog = Watchdog(systemd.notifier, lambda: lost)
    watchdog.tick()
    assert systemd.heard() == []
    watchdog.add(RESULT)
    watchdog.tick()
    watchdog.tick()
    assert systemd.heard() == ["WATCHDOG=1"]
    lost = True
    watchdog.tick()
    watchdog.tick()
    assert systemd.heard() == ["WATCHDOG=1"] * 2


def test_systemctl_status_says_how_it_goes(systemd: Systemd) -> None:
    now = 0.0
    watchdog = Watchdog(systemd.notifier, lambda: False, clock=lambda: now)
    watchdog.ready()
    for _ in range(50):
        watchdog.add(RESULT)
    now = 20.0
    watchdog.tick()
    watchdog.close()
    assert systemd.heard() == [
        *("READY=1", "STATUS=waits for the first frame", "WATCHDOG=1"),
        *("STATUS=2.5 frames a second; 0 plates, 0 events", "STOPPING=1", "STATUS=ends"),
    ]


def test_it_waits_longer_than_a_slow_camera(systemd: Systemd) -> None:
    Watchdog(systemd.notifier, lambda: False, quiet_s=5)
    assert systemd.heard() == []
    Watchdog(systemd.notifier, lambda: False, quiet_s=60)
    assert systemd.heard() == ["WATCHDOG_USEC=120000000"]
