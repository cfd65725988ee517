"""The device package as a wheel, with what installs it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from device_runtime.board.suggest import ADVICE, FILE
from device_runtime.errors import FatalError
from host.cache import cached
from host.paths import CACHE, DEVICE_PACKAGE
from host.targets.boards import advice

BESIDE = ("install.sh", "lpr-run.service", "requirements.txt")
"""Files of the package that a bundle has beside the wheel, not in it."""

# 1980-01-01, the oldest time a zip file can hold: the wheel's bytes depend on its contents alone.
SOURCE_DATE_EPOCH = "315532800"


def copy_device_package(folder: Path, cache: Path = CACHE) -> None:
    """Put the device package's wheel, its pinned requirements, `install.sh` and its service into *folder*.

    The wheel is built once for the same contents and build tools.

    Raises:
        FatalError: the wheel cannot be built.
    """
    for name in BESIDE:
        shutil.copy(DEVICE_PACKAGE / name, folder / name)
    with tempfile.TemporaryDirectory() as scratch:
        source = _source(Path(scratch))
        wheels = cached(cache / "device-wheel" / _key(source), lambda made: _build(source, made))
    for wheel in wheels.glob("*.whl"):
        shutil.copy(wheel, folder)


def _source(scratch: Path) -> Path:
    """A folder that the wheel can be built from: the package, and beside it its `pyproject.toml`."""
    source = scratch / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "pyproject.toml", *BESIDE)
    shutil.copytree(DEVICE_PACKAGE, source / "device_runtime", ignore=ignored)
    shutil.copy(DEVICE_PACKAGE / "pyproject.toml", source)
    ADVICE.write(source / "device_runtime" / FILE.relative_to(DEVICE_PACKAGE), advice())
    return source


def _key(source: Path) -> str:
    """Of all that decides the wheel's bytes."""
    digest = hashlib.sha256()
    for tool in ("pip", "setuptools"):
        digest.update(f"{tool} {importlib.metadata.version(tool)}\n".encode())
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(source)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--wheel-dir", str(folder), str(source)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise FatalError("wheel of device_runtime", " ".join(reason) or "pip failed", "run make setup")
