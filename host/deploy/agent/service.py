"""The board's service: by systemd, or where there is none by this program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from host.deploy.agent.disk import is_held, write
from host.deploy.agent.program import output_of

SERVICE = "lpr-run"
REVERT_UNIT = "lpr-deploy.service"


class Systemd:
    """The service where systemd runs it."""

    name = "systemd"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Path("/etc/lpr/lpr.toml")
        self.report = Path("/run/lpr/health.json")
        self._unit = Path("/etc/systemd/system/lpr-run.service")

    def install_command(self) -> tuple[list[str], dict[str, str]]:
        """Options of install.sh, and what it finds in its environment."""
        return ["--service"], {"CURRENT": str(self.root / "current")}

    def keep(self) -> bytes | None:
        """What `put_back` needs: the unit as it is."""
        return self._unit.read_bytes() if self._unit.exists() else None

    def put_back(self, kept: bytes | None) -> None:
        """The unit as it was."""
        if kept is not None and kept != self.keep():
            write(self._unit, kept)
            self._run("daemon-reload")

    def arm(self) -> None:
        """Have a switch that is not confirmed taken back when the board starts."""
        unit = f"""\
# Takes a deployment back that a power cut interrupted; written by lpr-host deploy.
[Unit]
Description=Takes back a bundle that was not confirmed
ConditionPathExists={self.root}/pending.json
Before={SERVICE}.service

[Service]
Type=oneshot
ExecStart={sys.executable} {self.root}/board.py revert {self.root}

[Install]
WantedBy=multi-user.target
"""
        path = self._unit.with_name(REVERT_UNIT)
        if not path.exists() or path.read_text() != unit:
            write(path, unit.encode())
            self._run("daemon-reload")
        self._run("enable", "--quiet", REVERT_UNIT)

    def restart(self) -> None:
        """Start it anew, without waiting."""
        self._run("reset-failed", SERVICE)
        self._run("restart", "--no-block", SERVICE)

    def stop(self) -> None:
        """End it."""
        self._run("stop", SERVICE)

    def restarts(self) -> int:
        """How often it ended by itself since `restart`."""
        shown = self._run("show", "--property=NRestarts", "--value", SERVICE).strip()
        return int(shown) if shown.isdecimal() else 0

    def ready(self) -> bool:
        """Whether it has said that it is, and goes on."""
        return self._run("is-active", SERVICE).strip() == "active"

    def said(self, since: float) -> list[str]:
        """Its last lines, of those since *since* by the wall clock."""
        command = ["journalctl", "--no-pager", "-q", "-o", "cat", f"--since=@{int(since)}", "-n", "40"]
        command += ["-u", SERVICE]
        return output_of(command).splitlines()

    def _run(self, *command: str) -> str:
        return output_of(["systemctl", *command])


class Supervised:
    """The service where there is no systemd: `board.py run ROOT`, which starts it again when it ends."""

    name = "board.py"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = root / "lpr.toml"
        self.folder = root / "run"
        self.report = self.folder / "health.json"
        self._log = self.folder / "log"

    def install_command(self) -> tuple[list[str], dict[str, str]]:
        """As of `Systemd`."""
        return [], {}

    def keep(self) -> bytes | None:
        """As of `Systemd`: nothing is installed outside ROOT."""
        return None

    def put_back(self, kept: bytes | None) -> None:
        """As of `Systemd`."""

    def arm(self) -> None:
        """As of `Systemd`: `board.py run` takes it back itself."""

    def restart(self) -> None:
        """As of `Systemd`."""
        self.stop()
        self.folder.mkdir(exist_ok=True)
        for name in ("restarts", "ready"):
            (self.folder / name).unlink(missing_ok=True)
        with self._log.open("wb") as log:
            subprocess.Popen(
                [sys.executable, str(self.root / "board.py"), "run", str(self.root), "--keep-pending"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                start_new_session=True,
            )

    def stop(self) -> None:
        """As of `Systemd`."""
        with suppress(OSError, ValueError):
            process = int((self.folder / "pid").read_text())
            os.kill(process, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while is_held(self.folder / "pid") and time.monotonic() < deadline:
                time.sleep(0.05)

    def restarts(self) -> int:
        """As of `Systemd`."""
        with suppress(OSError, ValueError):
            return int((self.folder / "restarts").read_text())
        return 0

    def ready(self) -> bool:
        """As of `Systemd`."""
        return (self.folder / "ready").exists()

    def said(self, since: float) -> list[str]:
        """As of `Systemd`; all since `restart`."""
        with suppress(OSError):
            return self._log.read_text(errors="replace").splitlines()[-40:]
        return []


def service_of(root: Path) -> Systemd | Supervised:
    """What runs the service on this board."""
    return Systemd(root) if Path("/run/systemd/system").is_dir() else Supervised(root)
