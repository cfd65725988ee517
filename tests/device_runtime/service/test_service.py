"""`lpr-run` as a process, with this test in place of systemd and of the host."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from device_runtime.report.health import HEALTH
from device_runtime.schema import encode
from device_runtime.service.address import Address
from host.endure.web_host import Host, serving
from tests.device_runtime.service.asking import TOKEN, ask


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Systemd's end of the socket `tmp_path / "notify"`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(120)
        yield end


def until(end: socket.socket, line: str) -> None:
    """Wait until a line is said."""
    while line not in end.recv(4096).decode().splitlines():
        pass


def test_a_service_from_its_start_to_its_end(
    pristine_bundle: Path, systemd: socket.socket, tmp_path: Path
) -> None:
    with serving(Host()) as host:
        address = f"http://127.0.0.1:{host.server_address[1]}/items"
        command = [sys.executable, "-m", "device_runtime.cli", "--bundle", str(pristine_bundle), "--crop"]
        command += ["--serve", "0", "--report", address, "--spool", str(tmp_path / "spool")]
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "30000000",
            "LPR_SERVE_TOKEN": TOKEN,
        }
        environment.pop("WATCHDOG_PID", None)
        with (tmp_path / "journal").open("w+b") as journal:
            stream = os.fstat(journal.fileno())
            environment["JOURNAL_STREAM"] = f"{stream.st_dev}:{stream.st_ino}"
            running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=journal)
            try:
                until(systemd, "READY=1")
                until(systemd, "WATCHDOG=1")
                said = (tmp_path / "journal").read_text()
                found = re.search(
                    r"^<6>answers at http://127\.0\.0\.1:(\d+)/v1/vision/alpr$", said, re.MULTILINE
                )
                assert found is not None, said
                plate = cv2.imencode(".png", np.full((24, 94, 3), 128, np.uint8))[1].tobytes()
                body = (
                    b'--b\r\nContent-Disposition: form-data; name="upload"\r\n\r\n' + plate + b"\r\n--b--\r\n"
                )
                headers = {
                    "Content-Type": "multipart/form-data; boundary=b",
                    "Authorization": f"Bearer {TOKEN}",
                }
                where = Address("127.0.0.1", int(found[1]))
                assert ask(where, "/v1/vision/alpr", "POST", headers, body).json["success"]
                running.send_signal(signal.SIGTERM)
                until(systemd, "STOPPING=1")
                assert running.wait(60) == 0
            finally:
                running.kill()
                running.wait()
        assert TOKEN not in (tmp_path / "journal").read_text()
    reports = [HEALTH.decode(encode(item.body), "item") for item in host.stored if item.kind == "health"]
    assert [report.last for report in reports] == [False, True]
    assert TOKEN.encode() not in encode(reports)
