"""Programs that are run on the board, and what they say."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Tell = Callable[[str, str], None]
"""Takes the kind of a message to the host, "say" or "output", and a line."""


def lpr_run(folder: Path, settings: Path | None) -> list[str]:
    """The command of the bundle in *folder*."""
    command = [str(folder / "venv/bin/lpr-run"), "--bundle", str(folder)]
    return [*command, "--config", str(settings)] if settings else command


def reason_in(lines: list[str]) -> str:
    """The last line that names an error, else the last one."""
    told = [line for line in lines if line.strip()]
    errors = [line for line in told if "error" in line.lower()]
    return " ".join((errors or told or ["nothing"])[-1].split())[:400].removeprefix("error: ")


def output_of(command: list[str]) -> str:
    """What *command* prints; empty where there is no such program."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError:
        return ""
    return done.stdout.decode(errors="replace")


def run(
    command: list[str], folder: Path, tell: Tell, environment: dict[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run *command* in *folder* and tell the host its lines; it ends with the connection.

    Returns:
        its exit status, and the lines.
    """
    inherited = {key: value for key, value in os.environ.items() if key not in ("CURRENT", "DESTDIR")}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            lines.append(line)
            tell("output", line)
        return process.wait(), lines
    except BaseException:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
