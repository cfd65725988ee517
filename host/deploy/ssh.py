"""One board, reached by the user's own ssh: its programs, configuration, keys and jump hosts.

ssh -M (once) ──┬── agent: `host.deploy.agent`, packed, which answers requests
                └── rsync, where both ends have it
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_runtime.errors import FatalError
from host.deploy.pack import LOADER, packed
from host.deploy.shipment import Shipped

LOG = logging.getLogger(__name__)

CHUNK = 1 << 18
_HOST = re.compile(r"[^\s\x00-\x1f-][^\s\x00-\x1f]*")
_QUIET = {
    # What a user has set up for a terminal would be in the way.
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "PermitLocalCommand": "no",
    "ClearAllForwardings": "yes",
    "ConnectTimeout": "20",
    # A board that is cut off is noticed within a minute.
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
}


class Lost(FatalError):
    """The board does not answer any more."""


class Refusal(FatalError):
    """A board refused a request.

    Attributes:
        bad: the bundle is at fault, and the board remembers that.
        known_bad: it remembered already.
        rolled_back: the old bundle was put back.
        said: last lines of the service's log.
    """

    def __init__(self, host: str, answer: dict[str, Any]) -> None:
        what, why, todo = (_plain(answer.get(key, "?")) for key in ("what", "why", "todo"))
        super().__init__(f"{host}: {what}", why, todo)
        self.bad, self.known_bad, self.rolled_back = (
            bool(answer.get(key)) for key in ("bad", "known_bad", "rolled_back")
        )
        self.said = tuple(map(_plain, answer.get("said", ())))


def _plain(text: object) -> str:
    """*text* as of a board, without control characters."""
    return "".join(c if c.isprintable() else " " for c in str(text))


@dataclass(frozen=True)
class Connection:
    """An open way to a board.

    Attributes:
        host: as the user names it.
        command: ssh with its options, without the host.
    """

    host: str
    command: tuple[str, ...]

    def rsync(self, files: Sequence[Shipped], folder: str) -> None:
        """Copy *files* into *folder* there; what an interrupted copy left is gone on with.

        Raises:
            Lost: the connection broke.
            FatalError: rsync failed.
        """
        shell = " ".join("'" + word.replace("'", "''") + "'" for word in self.command)
        user, at, name = self.host.rpartition("@")
        there = f"{user}{at}[{name}]" if ":" in name else self.host
        with tempfile.TemporaryDirectory(prefix="lpr-") as staged:
            for file in files:
                link = Path(staged) / file.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file.path.absolute())
            names = "\0".join(file.name for file in files)
            done = subprocess.run(
                [
                    *("rsync", "--copy-links", "--times", "--partial", "--inplace", "--protect-args"),
                    *("--from0", "--files-from=-", "--timeout=60", "-e", shell),
                    *(f"{staged}/", f"{there}:{folder}/"),
                ],
                input=names.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            why = _plain(said[0] if said else f"rsync ended with {done.returncode}")
            # Of rsync(1): 10 to 12 sockets and streams, 30 and 35 timeouts; 255 is ssh's.
            kind = Lost if done.returncode in (10, 12, 30, 35, 255) else FatalError
            raise kind(self.host, f"copying broke off ({why})", "deploy again, which goes on with it")


@contextmanager
def connected(host: str, config: Path | None = None, *, ask: bool = False) -> Iterator[Connection]:
    """A connection to *host*, shared by all that follows.

    Args:
        host: `[user@]name`, as in `ssh host`.
        config: in place of the user's own, `ssh -F`.
        ask: let ssh ask for passwords and unknown keys.

    Raises:
        FatalError: there is no such board, or it lets nobody in.
    """
    if not _HOST.fullmatch(host):
        raise FatalError(f"host {host!r}", "is no name of a board", "give [USER@]NAME as for ssh")
    for program in ("ssh",):
        if shutil.which(program) is None:
            raise FatalError(program, "is not installed", "apt install openssh-client")
    options = ["-o", f"BatchMode={'no' if ask else 'yes'}"]
    for key, value in _QUIET.items():
        options += ["-o", f"{key}={value}"]
    with ExitStack() as stack:
        # A short path: a socket's has 107 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lpr-", dir="/tmp")))
        base = ("ssh", *(("-F", str(config)) if config else ()), "-S", str(folder / "s"), *options)
        log = folder / "log"
        with log.open("wb") as errors:
            opened = subprocess.run(
                [*base, "-M", "-N", "-f", "--", host],
                stdin=None if ask else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if ask else errors,
                check=False,
            )
        if opened.returncode:
            said = log.read_text(errors="replace").strip().splitlines()
            why = _plain(said[-1] if said else "see above")
            raise FatalError(host, f"cannot be reached: {why}", f"try `ssh {host}`")
        stack.callback(
            subprocess.run,
            [*base, "-O", "exit", "--", host],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        yield Connection(host, (*base, "-o", "ControlMaster=no"))


class Agent:
    """`host.deploy.agent` at the other end: `ask` it.

    Args:
        connection: to the board.
        root: folder on it.
        say: what it tells while it works.

    Raises:
        FatalError: the board has no Python, or lets nobody be root.
    """

    def __init__(self, connection: Connection, root: str, say: Callable[[str], None]) -> None:
        self.host, self._say = connection.host, say
        self._first = {"root": root}
        """What goes with the first request."""
        source = packed()
        start = LOADER.format(size=len(source), quote='\\"')
        shell = (
            "p=${PYTHON:-python3}; "
            'command -v "$p" >/dev/null || { echo "$p is not installed" >&2; exit 127; }; '
            f'c="{start}"; '
            'if [ "$(id -u)" = 0 ]; then PYTHON="$p" exec "$p" -c "$c"; fi; '
            'exec sudo -n PYTHON="$p" "$p" -c "$c"'
        )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 – until `close`
        self._process = subprocess.Popen(
            [*connection.command, "--", connection.host, f"exec sh -c '{shell}'"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._send(source)

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the board, and of its lock."""
        assert self._process.stdin and self._process.stdout
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it *do* something and return what it answers.

        Raises:
            Refusal: it does not.
            Lost: the connection broke.
        """
        self._send(self._line(do, arguments))
        return self._answer()

    def send(
        self, bundle: str, files: Iterable[tuple[Shipped, int]], sent: Callable[[int], None] | None = None
    ) -> None:
        """Copy files, each from a byte on.

        Args:
            sent: told of the bytes.

        Raises:
            Refusal, Lost: as `ask`.
            FatalError: a file cannot be read.
        """
        chosen = [(file, offset) for file, offset in files]
        listed = [[file.name, offset, file.size - offset] for file, offset in chosen]
        self._send(self._line("receive", {"bundle": bundle, "files": listed}))

        def pump() -> None:
            for file, offset in chosen:
                left = file.size - offset
                with file.path.open("rb") as data:
                    data.seek(offset)
                    while left and (block := data.read(min(CHUNK, left))):
                        self._send(block)
                        left -= len(block)
                        if sent:
                            sent(len(block))
                if left:
                    raise FatalError(str(file.path), "was cut short meanwhile", "build the bundle again")

        # Where the board's disk is full it answers in the middle, and reads no further.
        failed: list[Exception] = []

        def pumping() -> None:
            try:
                pump()
            except Exception as error:
                failed.append(error)
                self._process.kill()

        thread = threading.Thread(target=pumping, daemon=True)
        thread.start()
        try:
            self._answer()
        except Lost:
            thread.join(1)
            if failed and not isinstance(failed[0], Lost):
                raise failed[0] from None
            raise
        except Refusal:
            # What is still under way would be taken for requests.
            self._process.kill()
            raise
        finally:
            thread.join(5)

    def _line(self, do: str, arguments: dict[str, Any]) -> bytes:
        request, self._first = {"do": do, **self._first, **arguments}, {}
        return json.dumps(request).encode() + b"\n"

    def _send(self, data: bytes) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError:
            raise self._lost() from None

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                message = json.loads(line)
                kind, value = next(iter(message.items()))
            except (ValueError, AttributeError, StopIteration):
                # What a shell's start-up files print.
                continue
            if kind == "say":
                self._say(_plain(value))
            elif kind == "output":
                LOG.debug("%s: %s", self.host, _plain(value))
            elif kind == "done":
                assert isinstance(value, dict)
                return value
            elif kind == "refused":
                raise Refusal(self.host, value)
        raise self._lost()

    def _lost(self) -> Lost:
        try:
            status = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        why = _plain(said[-1]) if said else "the connection broke"
        if status == 127 or why.startswith("sudo:"):
            todo = "install python3, or let this user be root without a password (sudo), or log in as root"
            return Lost(self.host, why, todo)
        return Lost(self.host, f"does not answer any more ({why})", "deploy again, which goes on with it")
