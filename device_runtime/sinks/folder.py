"""A folder of pictures that does not grow beyond a bound."""

from __future__ import annotations

import errno
import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic

_OWN = re.compile(r"[0-9]{8}-[0-9]{6}-.*[0-9a-f]{6}\.(jpg|png)")
"""Names of files that are counted and may be deleted: those of `pictures.name_of`."""


class BoundedFolder:
    """Keeps the newest files, as many as fit; the oldest go first. Files with other names are left alone.

    Args:
        path: of the folder, which is made.
        max_bytes: of all files together.

    Raises:
        FatalError: the folder cannot be made, read or written to.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path, self.max_bytes = path, max_bytes
        self._files: deque[tuple[Path, int]] = deque()
        self._bytes = 0
        try:
            # Now, not with the first plate at night.
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            found = [p for p in path.iterdir() if _OWN.fullmatch(p.name)]
            kept = sorted((stat.st_mtime_ns, p, stat.st_size) for p in found for stat in [p.stat()])
        except OSError as error:
            raise FatalError(str(path), f"cannot be used ({error.strerror})", "name another folder") from None
        for _, file, size in kept:
            self._add(file, size)
        self._trim()

    def save(self, name: str, data: bytes) -> None:
        """Write the file *name*, and delete what is too much.

        Raises:
            FatalError: it cannot be written, or is larger than the bound.
        """
        if len(data) > self.max_bytes:
            raise FatalError(
                str(self.path), f"may not hold a picture of {len(data) >> 10} KiB", "allow more MiB"
            )
        self._trim(len(data))
        write_atomic(self.path / name, data)
        self._add(self.path / name, len(data))

    def _add(self, file: Path, size: int) -> None:
        self._files.append((file, size))
        self._bytes += size

    def _trim(self, coming: int = 0) -> None:
        while self._files and self._bytes + coming > self.max_bytes:
            file, size = self._files.popleft()
            self._bytes -= size
            # Somebody else may have moved it away.
            with suppress(OSError):
                file.unlink()
