"""`board.py run ROOT`: what systemd does elsewhere."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from host.deploy.agent.disk import write
from host.deploy.agent.program import lpr_run

SOON = 2
"""So often it is started again after a second, then after five."""


def run_service(root: Path) -> None:
    """Run `current`'s lpr-run, and again whenever it ends, until SIGTERM: what systemd does elsewhere."""
    folder, state = root / "run", root / "state"
    folder.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    handle = os.open(folder / "pid", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + 60
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"error: {root}: the service runs already – stop it first")
            time.sleep(0.05)
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    child: subprocess.Popen[bytes] | None = None
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        if child is not None and child.poll() is None:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # As systemd's, see sd_notify(3); in the kernel's abstract space, which has no folder.
    notify, ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), folder / "ready"
    notify.bind(f"\0lpr-run-{os.getpid()}")
    notify.setblocking(False)
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "RUNTIME_DIRECTORY": str(folder),
        "NOTIFY_SOCKET": f"@lpr-run-{os.getpid()}",
    }
    ready.unlink(missing_ok=True)
    ended = 0
    while not stopping:
        child = subprocess.Popen(
            lpr_run(root / "current", root / "lpr.toml"),
            cwd=state,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        while child.poll() is None:
            if stopping:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(10)
                    break
                child.kill()
            with suppress(OSError):
                while data := notify.recv(4096):
                    if b"READY=1" in data.splitlines():
                        ready.touch()
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.2)
        ready.unlink(missing_ok=True)
        ended += 1
        if not stopping:
            write(folder / "restarts", str(ended).encode())
            # As RestartSec, but a second is enough to see that a new bundle fails.
            for _ in range(10 if ended <= SOON else 50):
                if not stopping:
                    time.sleep(0.1)
    (folder / "health.json").unlink(missing_ok=True)
