"""What is downloaded or built once: folders under `.cache/` that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from device_runtime.errors import FatalError

DIRECTORY = Path(__file__).resolve().parent.parent / ".cache"


def say(message: str) -> None:
    """One progress line on standard error."""
    click.echo(message, err=True)


def cached(final: Path, fill: Callable[[Path], None]) -> Path:
    """*final*, made by *fill* in a temporary folder beside it if it is not there yet.

    Two processes may fill at once; the first to finish wins. Not flushed to disk: it can be made again.

    Raises `FatalError` when the disk refuses; nothing is left then.
    """
    if final.is_dir():
        return final
    work: Path | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
        work.chmod(0o755)
        fill(work)
        os.rename(work, final)  # noqa: PTH104 – fails on a folder that another process finished first
    except OSError as error:
        if not final.is_dir():
            reason = error.strerror or str(error)
            raise FatalError(
                str(final), f"cannot be written: {reason}", "free space or fix access"
            ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return final


def download_wheels(requirements: Sequence[str], arch: str, python: str, into: Path) -> list[Path]:
    """Wheels of exactly *requirements* (no dependencies) for glibc *arch* and Python *python* (`"3.11"`).

    Raises `FatalError` when pip cannot get one.
    """
    tags = [f"manylinux_2_{minor}_{arch}" for minor in (28, 27, 17)] + [f"manylinux2014_{arch}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [f"--platform={tag}" for tag in tags] + ["--dest", str(into), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((s for s in done.stderr.splitlines() if s.startswith("ERROR")), "pip failed")
        raise FatalError(
            f"wheels for {arch}",
            reason.removeprefix("ERROR: "),
            f"check the network, then `{' '.join(command)}`",
        )
    return sorted(into.glob("*.whl"))
