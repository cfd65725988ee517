"""Copies of a bundle's files in memory that nobody can change, so that what was checked is what is loaded."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from device_runtime.errors import FatalError

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

_copies: dict[str, int] = {}
"""SHA-256 → descriptor, open for as long as the process lives: dlopen knows a library that it has loaded by
its path, which must not come to mean another one."""


def sealed(name: str, data: bytes, sha256: str) -> Path:
    """A path to open that leads to *data*, whatever becomes of the file that it came from.

    Args:
        name: of the file, which the process's memory map shows.
        data: its bytes.
        sha256: of these, in hexadecimal digits.

    Raises:
        FatalError: the kernel has no memory for it, or does not know such files.
    """
    descriptor = _copies.get(sha256)
    if descriptor is None:
        try:
            descriptor = os.memfd_create(name[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(data)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        except OSError as error:
            why = f"cannot be copied to memory ({error.strerror})"
            raise FatalError(name, why, "free memory, or leave out --require-signature") from None
        _copies[sha256] = descriptor
    return Path(f"/proc/self/fd/{descriptor}")
