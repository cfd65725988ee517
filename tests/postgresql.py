"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a socket there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

_ANSWER_S = 60.0
_NUMBERS = count(1)


class Postgresql:
    """A cluster that is started and stopped as often as a test likes.

    Args:
        folder: of its own; the server's user may write it.
        programs: folder of `initdb` and `postgres`.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "lpr", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def url(self, database: str = "postgres") -> str:
        """Where *database* is reached."""
        return f"postgresql://lpr@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"test{next(_NUMBERS)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        # The power does not fail here: what a process has written outlives it without a sync.
        settings = ("listen_addresses=", f"unix_socket_directories={self._folder}", "fsync=off")
        options = [word for setting in settings for word in ("-c", setting)]
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [*self._as_server(), self._programs / "postgres", "-D", "data", *options],
            cwd=self._folder, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        end = time.monotonic() + _ANSWER_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it, with all connections: SIGINT in good order, SIGQUIT at once."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_ANSWER_S)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_server(), str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    @staticmethod
    def _as_server() -> list[str]:
        """It refuses to run as root; and it ends with the tests, however they end."""
        user = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        return ["setpriv", "--pdeathsig=QUIT", *user]


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian has in no PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[-3].zfill(3))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@contextmanager
def running(programs: Path) -> Iterator[Postgresql]:
    """A server that has been started, in a folder that is deleted at the end."""
    # Not pytest's folder: only its owner may enter that, and the path of a socket has 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="lpr-pg-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = Postgresql(folder, programs)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
