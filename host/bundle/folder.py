"""Writes the bundle: all of it under a temporary name, then under its own."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device_runtime.bundle.manifest import MANIFEST_NAME, FileInfo, Manifest, encode
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic

REPORTS = "reports"
"""Folder in a bundle for reports from the board; survives a rebuild."""

SPACE = 32 << 20
"""Bytes a bundle and its object files take at most."""


def check_space(folder: Path) -> None:
    """See whether a bundle can be written as *folder*, whose parent is made.

    Raises:
        FatalError: there is no room for it, or it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # LLVM ends the process when it cannot write an object file, so that is not left to happen.
        for place in (folder.parent, Path(tempfile.gettempdir())):
            if shutil.disk_usage(place).free < SPACE:
                raise OSError(errno.ENOSPC, f"less than {SPACE >> 20} MiB are free in {place}")
    except OSError as error:
        raise _unwritable(folder, error) from None


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder beside *folder* that takes its place when the block ends without an error.

    Raises:
        FatalError: the folder cannot be written; *folder* is as it was.
    """
    check_space(folder)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from None
    retired = temporary.with_suffix(".old")
    try:
        # mkdtemp's 0700 would keep other users from reading the bundle.
        temporary.chmod(0o755)
        yield temporary
        _sync(temporary)
        if folder.exists():
            if (folder / REPORTS).is_dir():
                shutil.copytree(folder / REPORTS, temporary / REPORTS)
            folder.rename(retired)
        temporary.rename(folder)
    except OSError as error:
        if retired.exists() and not folder.exists():
            retired.rename(folder)
        raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def describe_files(folder: Path) -> dict[str, FileInfo]:
    """SHA-256 and size of every file in *folder*."""
    files = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        files[path.name] = FileInfo(hashlib.sha256(data).hexdigest(), len(data))
    return files


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, replacing an old one in one step."""
    write_atomic(folder / MANIFEST_NAME, encode(manifest))


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> FatalError:
    why = f"cannot be written ({error.strerror or error})"
    return FatalError(str(folder), why, "free some space or name another folder with --output")
