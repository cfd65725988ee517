"""What is downloaded or built once: folders under `.cache/` that are there whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from device_runtime.errors import FatalError

_NO_SOURCES = {".pyc", ".md", ".safetensors", ".png"}
"""Neither code nor what code draws with: weights are hashed by who reads them, pictures are samples."""


def cached(final: Path, fill: Callable[[Path], None]) -> Path:
    """*final*, made by *fill* in a temporary folder beside it if it is not there yet.

    Other processes wait for the one that fills; where the file system knows no locks they fill too, and the
    first to finish wins. Not flushed to disk: it can be made again.

    Raises:
        FatalError: the disk refuses; nothing is left then.
    """
    if final.is_dir():
        return final
    work: Path | None = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with _alone(final.with_name(f".{final.name}.lock")):
            if final.is_dir():
                return final
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


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A time when no other process is in such a block; the file *path* is there meanwhile."""
    while True:
        with path.open("w") as lock:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Who had the lock before has removed the file: others may have locked a new one of that name.
            if not _is_at(path, lock.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one at *path*."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def digest_of(rooms: Sequence[Path]) -> str:
    """Hash of all source files below *rooms*."""
    digest = hashlib.sha256()
    for path in sorted(path for room in rooms for path in room.rglob("*") if path.is_file()):
        if path.suffix not in _NO_SOURCES:
            digest.update(path.read_bytes())
    return digest.hexdigest()
