"""A virtual environment for each peer, outside the project's own."""

from __future__ import annotations

import hashlib
import logging
import platform
import subprocess
import sys
from pathlib import Path

from host.bench.client import WorkerError
from host.bench.pipelines.registry import Peer
from host.cache import cached

INSTALL_TIMEOUT_S = 900.0

LOG = logging.getLogger(__name__)


def interpreter(name: str, peer: Peer, cache: Path) -> Path:
    """The Python that has *peer* installed, made below *cache* if it is not there yet.

    Raises:
        WorkerError: it cannot be installed, and why.
        FatalError: the disk refuses.
    """
    parts = (*peer.packages, *peer.needs, platform.python_version(), platform.machine())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    folder = cached(cache / f"{name}-{key}", lambda work: _install(name, peer, work))
    return folder / "bin/python"


def _install(name: str, peer: Peer, folder: Path) -> None:
    LOG.info("installing %s", " ".join(peer.packages))
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *peer.needs])
    # What they ask for would bring an OpenCV that they do not work with.
    _run([*pip, "--no-deps", *peer.packages])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkerError(f"cannot be installed: {error}") from None
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        last = (errors or done.stdout.splitlines() or [f"status {done.returncode}"])[-1]
        raise WorkerError(f"cannot be installed: {' '.join(last.split())[:300]}")
