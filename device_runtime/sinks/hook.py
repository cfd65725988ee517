"""A program of the user's that is started for each event."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from device_runtime.console import one_line
from device_runtime.descriptors import error_descriptor
from device_runtime.errors import FatalError
from device_runtime.follow.event import Event, Passage
from device_runtime.sinks.sink import Sink
from device_runtime.sinks.waiting import Waiting

log = logging.getLogger(__name__)

MOST_WAITING = 32
"""Events that may wait for the program; more are left out, which is counted."""


class Hook(Sink):
    """Starts a program for each new passage, one after another, without keeping the reader waiting.

    The text is its last argument, the event its standard input, as JSON. There is no shell. What it
    prints goes to standard error, so that this process's output stays what it is.

    Args:
        command: the program and its first arguments.
        timeout_s: after which it is killed, with all that it has started.
        closing_s: how long `close` may wait for it.

    Raises:
        FatalError: there is no such program.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout_s: float = 10.0,
        closing_s: Callable[[], float] = lambda: 10.0,
    ) -> None:
        if not command or not _found(command[0]):
            what = command[0] if command else "no program"
            raise FatalError(f"--on-plate {what}", "is no program", "name one that can be run")
        self._command, self._timeout_s, self._closing_s = list(command), timeout_s, closing_s
        self._name = one_line(self._command[0])
        self._running: subprocess.Popen[bytes] | None = None
        self._ending = False
        self._waiting: Waiting[Event] = Waiting(
            self._try,
            name="on-plate",
            most=MOST_WAITING,
            full=f"on-plate: {MOST_WAITING} events wait for {self._name}; others are left out",
        )

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`; a passage that is told again is passed over."""
        if not passage.event.complete:
            self._waiting.put(passage.event)

    def _try(self, event: Event) -> None:
        try:
            self._start(event)
        except OSError as error:
            log.warning("on-plate: %s cannot be started (%s)", self._name, error.strerror)

    def _start(self, event: Event) -> None:
        environment = {k: v for k, v in os.environ.items() if not _is_secret(k)}
        # A session of its own, so that what it starts can be killed with it.
        with subprocess.Popen(
            [*self._command, event.text],
            stdin=subprocess.PIPE,
            stdout=error_descriptor(),
            stderr=error_descriptor(),
            env=environment,
            start_new_session=True,
        ) as process:
            self._running = process
            try:
                process.communicate(msgspec.json.encode(event) + b"\n", timeout=self._timeout_s)
            except subprocess.TimeoutExpired:
                _kill(process)
                log.warning("on-plate: %s took longer than %g s and is killed", self._name, self._timeout_s)
                return
            finally:
                self._running = None
        if process.returncode and not self._ending:
            log.warning("on-plate: %s ends with status %d", self._name, process.returncode)

    def close(self) -> None:
        """Wait for what is to be started, no longer than it may take, then kill what runs."""
        if not self._waiting.finish(self._closing_s()):
            self._ending = True
            left = self._waiting.give_up()
            if (running := self._running) is not None:
                _kill(running)
            log.warning("on-plate: %s is not waited for; %d events are left out", self._name, left)
            self._waiting.join(0.2)


def _found(program: str) -> bool:
    return any(
        os.access(os.path.join(folder, program), os.X_OK)  # noqa: PTH118
        for folder in ([""] if "/" in program else os.get_exec_path())
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _is_secret(variable: str) -> bool:
    return variable.startswith("LPR_") or variable == "CREDENTIALS_DIRECTORY"
