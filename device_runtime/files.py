"""Whole files or none."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from device_runtime.errors import FatalError


def check_writable(path: Path) -> None:
    """See that a file *path* can be made, now and not after hours of work; makes its folder.

    A disk that is full now may have room later.

    Raises:
        FatalError: the file system refuses, or it is a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise _refused(path, error) from None


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write *data* so that *path* is at any time either what it was or complete; makes its folder.

    Args:
        mode: permissions of the file.

    Raises:
        FatalError: the file system refuses, e.g. it is full or read-only.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files that only their owner reads.
            Path(temporary).chmod(mode)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> FatalError:
    return FatalError(str(path), f"cannot be written ({error.strerror})", "free space or choose another path")
