from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_runtime.service.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What systemd would hand over as NOTIFY_SOCKET, and its end."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@lpr-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(name.replace("@", "\0", 1))
        end.settimeout(2)
        yield name, end


def test_systemd_is_told(systemd: tuple[str, socket.socket]) -> None:
    name, end = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
    notifier.send(READY=1, STATUS="waits\nWATCHDOG=1")
    assert end.recv(4096) == b"READY=1\nSTATUS=waits WATCHDOG=1"
    assert notifier.watchdog_s == 30


def test_nobody_is_told_without_systemd(tmp_path: Path) -> None:
    Notifier({}).send(READY=1)
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send(READY=1)
    assert Notifier({"WATCHDOG_USEC": "5000000"}).watchdog_s is None


@pytest.mark.parametrize("variables", [{"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}])
def test_a_watchdog_of_another_process_is_not_fed(variables: dict[str, str]) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/x", **variables}).watchdog_s is None
