"""Items into a file, one JSON object a line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from device_runtime.delivery.channel import IDLE_S, Unreachable
from device_runtime.delivery.spool import Spool

_TAIL_BYTES = 4 << 20
"""Further back no item can stand that the spool does not know to be delivered: a batch is much shorter."""

_BATCH_ITEMS, _BATCH_BYTES = 100, 1 << 20


class _Line(msgspec.Struct):
    id: str


class FileChannel:
    """Appends items to the file *path*, each once, and synced before the spool forgets it.

    A line that a power cut tore is cut off first; what the file's end holds already is not written again.
    """

    longest_wait_s = 60.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._there: set[str] = set()

    def step(self, spool: Spool) -> float:
        """As `Channel.step`."""
        entries = spool.after(0, _BATCH_ITEMS, _BATCH_BYTES)
        if not entries:
            return IDLE_S
        try:
            if self._handle is None:
                self._open()
            self._write(b"".join(e.data + b"\n" for e in entries if e.id not in self._there))
        except OSError as error:
            self.close()
            raise Unreachable(f"cannot be written ({error.strerror})") from None
        spool.acknowledge(entries)
        self._there -= {entry.id for entry in entries}
        return 0

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._handle).st_size
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            raise OSError(None, "is no ordinary file")
        tail = os.pread(self._handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        whole = tail.rfind(b"\n") + 1
        os.ftruncate(self._handle, size - (len(tail) - whole))
        for line in tail[:whole].splitlines():
            try:
                self._there.add(msgspec.json.decode(line, type=_Line).id)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                # Half a line where the tail begins, or somebody else's.
                continue
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def _write(self, data: bytes) -> None:
        assert self._handle is not None
        size = os.fstat(self._handle).st_size
        try:
            while data:
                data = data[os.write(self._handle, data) :]
            os.fdatasync(self._handle)
        except OSError:
            os.ftruncate(self._handle, size)
            raise

    def abort(self) -> None:
        """As `Channel.abort`: writing does not wait for anybody."""

    def close(self) -> None:
        """As `Channel.close`."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
