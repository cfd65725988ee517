"""The parent's end of a worker."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from host.bench import protocol
from host.paths import REPOSITORY


class WorkerError(Exception):
    """A worker could not do what it was asked; the text is for the row's `error`."""


class Worker:
    """A process that runs one runtime; idle, it blocks on its pipe.

    Args:
        python: its interpreter.
        cpus: where it and every thread it starts may run.
        environment: variables on top of this process's own.
        mask_library: see `host.bench.isa.mask_library`.
    """

    def __init__(
        self,
        python: Path,
        cpus: Sequence[int],
        environment: Mapping[str, str] | None = None,
        mask_library: Path | None = None,
    ) -> None:
        # Not a pipe: nobody would empty it while a library fills it with warnings.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [str(python), "-m", "host.bench.worker", ",".join(map(str, cpus))]
        if mask_library:
            command.append(str(mask_library))
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        )

    def ask(self, request: protocol.Request, timeout_s: float) -> protocol.Reply:
        """Send *request* and wait for its reply.

        Raises:
            WorkerError: the worker failed, died or took longer than *timeout_s*; it is dead then unless it
                answered that it failed.
        """
        deadline = time.monotonic() + timeout_s
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(protocol.frame(protocol.encode(request)))
        except OSError:
            raise WorkerError(self._last_words()) from None
        (size,) = struct.unpack("<Q", self._read(8, deadline, timeout_s))
        reply = protocol.decode_reply(self._read(size, deadline, timeout_s))
        if isinstance(reply, protocol.Failed):
            raise WorkerError(reply.reason)
        return reply

    def close(self) -> None:
        """End the process; a closed worker may be closed again."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, size: int, deadline: float, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        data = b""
        while len(data) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._process.kill()
                raise WorkerError(f"no answer within {timeout_s:.0f} s")
            block = self._process.stdout.read(size - len(data))
            if not block:
                raise WorkerError(self._last_words())
            data += block
        return data

    def _last_words(self) -> str:
        """How the process ended, and the last line it printed."""
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4096))
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"{how}: {lines[-1][:300]}" if lines else how
