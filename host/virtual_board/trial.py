"""A board that is being tried, and what the checks of it share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from host.trial import Failed
from host.virtual_board.line_end import Inbox, LineEnd
from host.virtual_board.machine import Machine

HOME = "/opt/lpr"
"""Where the bundle is installed."""
KIT = "/opt/kit"
"""Where what the checks need lies: `kit.make`."""
RUN = f"{HOME}/venv/bin/lpr-run"
PYTHON = f"{HOME}/venv/bin/python"
LINE = "serial:/dev/ttyS0@115200"
SETTINGS = "/etc/lpr.toml"
SERVICE = "lpr-run"

CAMERA = "modprobe vivid n_devs=1 node_types=0x1"
"""Makes /dev/video0, of 640×480 px."""
OPENED = "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q /dev/video0"
"""Whether a program has the camera open."""


@dataclass(kw_only=True)
class Trial:
    """A board that is being tried.

    Attributes:
        machine: the board.
        work: folder for what checks make.
        bundle: folder with what is installed.
        kit: folder with what the checks need.
        key: the public key that signed the bundle.
        private: file of the key that signs.
        texts: plates of the kit's video, in order.
        samples: how many pictures of plates the kit has.
        inbox: what came over the serial line.
    """

    machine: Machine
    work: Path
    bundle: Path
    kit: Path
    key: str
    private: Path
    texts: tuple[str, ...]
    samples: int
    inbox: Inbox = field(default_factory=Inbox)

    def line(self) -> LineEnd:
        """The host's end of the serial line, for a `with` block."""
        return LineEnd(self.machine.serial, self.inbox)

    @contextmanager
    def running(self, name: str, command: str, properties: str = "") -> Iterator[None]:
        """*command* as the unit *name* on the board, ended by SIGTERM when the block ends."""
        run = self.machine.run
        self.machine.attempt(f"systemctl stop {name}; systemctl reset-failed {name}")
        run(f"systemd-run --quiet --unit={name} {properties} {command}")
        try:
            yield
        finally:
            self.machine.attempt(f"systemctl stop {name}; systemctl reset-failed {name}")

    def said(self, name: str, lines: int = 3) -> str:
        """The last lines of what the unit *name* said."""
        _, said = self.machine.attempt(f"journalctl --no-pager -q -o cat -u {name} -n {lines}")
        return said


def wait_for(trial: Trial, condition: str, what: str, seconds: float = 180) -> None:
    """Until the shell command *condition* succeeds on the board.

    Raises:
        Failed: after so many seconds, saying that it never *what*.
    """
    deadline = time.monotonic() + seconds
    while trial.machine.attempt(condition)[0]:
        if time.monotonic() > deadline:
            raise Failed(f"in {seconds:.0f} s it never {what}: {trial.said('lpr')}")
        # A connection takes an emulated board a second's work.
        time.sleep(2)


def serve_settings(trial: Trial) -> None:
    """Settings of the service: the kit's, with this bundle's signature required, and few frames a second.

    So there is time left for whatever else a check does.
    """
    run = trial.machine.run
    run("mkdir -p /etc/lpr && cat >/etc/lpr/keys", data=trial.key.encode())
    signed = 's#^bundle = .*#require_signature = "/etc/lpr/keys"#'
    seldom = "s#^camera = .*#&\\nfps = 0.2#"
    run(f"sed '{signed}; {seldom}' {KIT}/lpr.toml >/etc/lpr/lpr.toml; chmod 644 /etc/lpr/*")
