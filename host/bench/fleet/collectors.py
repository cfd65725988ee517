"""Collectors in processes of their own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from device_runtime.errors import FatalError
from host.paths import REPOSITORY

_START_S = 60.0


class Collector:
    """One `lpr-host collect` on loopback.

    Args:
        db: address of the database.
        log: file of what it says.
        options: more of the command's.
    """

    def __init__(self, db: str, log: Path, options: tuple[str, ...] = ()) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._db, self._log, self._options = db, log, options
        self._process: subprocess.Popen[bytes] | None = None
        self._spent_s = 0.0

    def start(self) -> None:
        """Start it, again where it ends as a service manager would, and wait until it answers.

        Raises:
            FatalError: it does not.
        """
        end = time.monotonic() + _START_S
        self._begin()
        while not self._answers():
            if time.monotonic() > end:
                raise FatalError("the collector", "does not start", f"see {self._log}")
            if self._process is not None and self._process.poll() is not None:
                self._begin()
            time.sleep(0.05)

    def _begin(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-c", "from host.cli import main; main()", "collect"),
                    *("--http", f"127.0.0.1:{self.port}", "--db", self._db, *self._options),
                ],
                env=os.environ | {"PYTHONPATH": str(REPOSITORY), "LPR_COLLECT_PASSWORD": "of nobody's use"},
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """As kill -9."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        assert self._process is not None
        self._spent_s += self._cpu_s()
        self._process.send_signal(how)
        status = self._process.wait()
        self._process = None
        return status

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time that it has taken."""
        return self._spent_s + self._cpu_s()

    def _cpu_s(self) -> float:
        if self._process is None:
            return 0.0
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)
