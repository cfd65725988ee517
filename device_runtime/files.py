"""Whole files or none."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from device_runtime.errors import FatalError


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
        raise FatalError(
            str(path), f"cannot be written ({error.strerror})", "free space or choose another path"
        ) from None
