"""Boards for tests: each an sshd of its own, a folder of its own, and a Python that has its packages."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None or shutil.which("rsync") is None,
    reason="needs sshd, ssh and rsync: apt install openssh-server openssh-client rsync",
)

SITE = Path(find_spec("numpy").origin).parents[1]  # type: ignore[union-attr, arg-type]
PYTHON = """\
#!/bin/sh
# This board's packages, pip among them, are on PYTHONPATH: a venv needs none of its own.
[ "$1 $2" = "-m venv" ] && shift 2 && exec {python} -m venv --without-pip "$@"
exec {python} "$@"
"""


@dataclass(frozen=True)
class Network:
    """Where boards are: a folder for keys and ssh's configuration.

    Attributes:
        config: for `ssh -F`.
    """

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config"


@dataclass(frozen=True)
class SshBoard:
    """A board that answers over ssh.

    Attributes:
        host: its name for ssh.
        root: what is deployed there.
        python: its Python.
        sshd: process.
    """

    host: str
    root: Path
    python: Path
    sshd: int

    @property
    def current(self) -> str | None:
        link = self.root / "current"
        return link.readlink().name if link.is_symlink() else None

    def log(self) -> str:
        return (self.root / "run/log").read_text()

    def pid(self) -> int | None:
        """Of what runs the service."""
        with suppress(OSError, ValueError, psutil.Error):
            pid = int((self.root / "run/pid").read_text())
            # This process started some of them itself.
            return pid if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else None
        return None

    def stop(self) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            until(lambda: self.pid() is None)

    def start(self) -> None:
        """What the board's own start-up scripts do."""
        with (self.root / "run/log").open("ab") as log:
            subprocess.Popen(
                [self.python, self.root / "board.py", "run", self.root],
                env={**os.environ, "PYTHONPATH": str(SITE)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def health(self) -> dict[str, Any]:
        """The newest health report; empty where there is none."""
        try:
            report = json.loads((self.root / "run/health.json").read_text())
        except (OSError, ValueError):
            return {}
        assert isinstance(report, dict)
        return report

    def lose_power(self) -> None:
        """All that is under way is gone at once; the network goes on."""
        for process in psutil.Process(self.sshd).children(recursive=True):
            process.kill()
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal() or int(folder.name) == os.getpid():
                continue
            with suppress(OSError):
                if str(self.root).encode() in (folder / "cmdline").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)


def until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait for *condition*; a test that waits so long has failed."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "has not come true"
        time.sleep(0.02)


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """The user's keys."""
    if os.geteuid() == 0:
        # Where sshd's unprivileged half is shut in, an empty folder.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    _key(folder / "id")
    (folder / "authorized").write_text((folder / "id.pub").read_text())
    (folder / "python").write_text(PYTHON.format(python=sys.executable))
    (folder / "python").chmod(0o755)
    made = Network(folder)
    made.config.touch()
    yield made


@contextmanager
def board(net: Network, name: str, settings: str) -> Iterator[SshBoard]:
    """A board named *name*, with *settings* for lpr-run."""
    assert SSHD is not None
    folder = net.folder / name
    root = folder / "lpr"
    root.mkdir(parents=True)
    (root / "lpr.toml").write_text(settings)
    _key(folder / "host")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"""\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {net.folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv PYTHON={net.folder}/python PYTHONPATH={SITE} OMP_NUM_THREADS=1
"""
    )
    (net.folder / "known_hosts").open("a").write(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    with net.config.open("a") as config:
        config.write(
            f"""\
Host {name}
    HostName 127.0.0.1
    Port {port}
    IdentityFile {net.folder}/id
    IdentitiesOnly yes
    UserKnownHostsFile {net.folder}/known_hosts
    StrictHostKeyChecking yes
"""
        )
    with (folder / "sshd.log").open("wb") as log:
        sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        until(lambda: _answers(port))
        made = SshBoard(name, root, net.folder / "python", sshd.pid)
        yield made
    finally:
        made.stop()
        sshd.kill()
        sshd.wait()


def _key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
