"""One deployment: a bundle on its way to a board, and what became of it.

hello ─▶ lock ─▶ prepare ─▶ copy ─▶ seal ─▶ install ─▶ activate
                    ▲         │ the connection is lost, or a file arrived damaged
                    └─────────┘
"""

from __future__ import annotations

import getpass
import logging
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from device_runtime.errors import FatalError
from host.deploy.agent.healthy import lacking
from host.deploy.inventory import ROOT
from host.deploy.shipment import Shipment
from host.deploy.ssh import Agent, Connection, Lost, Refusal, connected

LOG = logging.getLogger(__name__)

State = Literal["runs", "ran already", "would run", "failed", "rolled back", "not tried"]
ROUNDS = 3
"""So often a copy that was interrupted or damaged is gone on with."""
AGAIN_S = 2.0
"""Seconds before a board whose connection was lost is asked again."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How boards are deployed.

    Attributes:
        keep: bundles that stay on a board, the one that runs among them.
        again: deploy also what runs already, and what failed on the board before.
        healthy_within_s: until the first healthy report.
        dry_run: change nothing.
        config: ssh's, in place of the user's own.
        ask: let ssh ask for passwords.
        rsync: use it where both ends have it.
    """

    keep: int = 3
    again: bool = False
    healthy_within_s: float = 180.0
    dry_run: bool = False
    config: Path | None = None
    ask: bool = False
    rsync: bool = True


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a board.

    Attributes:
        host: the board.
        bundle: what runs on it now, as far as is known.
        text: a word on it, or why it failed.
        said: the last lines of the service that failed.
    """

    host: str
    state: State
    bundle: str | None
    text: str
    said: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether the board does what it should."""
        return self.state in ("runs", "ran already", "would run")


Shipments = Callable[[dict[str, Any]], Shipment]
"""What a board says of itself → what it gets."""


def deploy(host: str, ship: Shipments, way: Way, root: str = ROOT) -> Outcome:
    """Bring a bundle onto the board *host*; whatever goes wrong is an `Outcome`, too.

    Args:
        host: as for ssh.
        ship: says what it gets.
        root: folder on it.
    """
    running: str | None = None

    def say(line: str) -> None:
        LOG.info("%s: %s", host, line)

    for left in reversed(range(ROUNDS)):
        stage = _Stage()
        try:
            with connected(host, way.config, ask=way.ask) as connection:
                return _deploy(connection, ship, way, root, say, stage)
        except Refusal as refusal:
            running = stage.running
            state: State = "rolled back" if refusal.rolled_back else "failed"
            return Outcome(host=host, state=state, bundle=running, text=_text(refusal), said=refusal.said)
        except Lost as lost:
            if stage.name == "switching":
                return _what_became(host, stage, way, root, lost)
            if stage.name != "copying" or not left:
                return Outcome(host=host, state="failed", bundle=stage.running, text=_text(lost))
            say(f"{lost.why}; going on with the copy")
            time.sleep(AGAIN_S)
        except FatalError as error:
            return Outcome(host=host, state="failed", bundle=stage.running, text=str(error))
    raise AssertionError("unreachable")


@dataclass
class _Stage:
    """How far a deployment has come."""

    name: Literal["asking", "copying", "installing", "switching"] = "asking"
    running: str | None = None
    bundle: str = ""


def _deploy(
    connection: Connection, ship: Shipments, way: Way, root: str, say: Callable[[str], None], stage: _Stage
) -> Outcome:
    host = connection.host
    with Agent(connection, root, say) as agent:
        facts = agent.ask("hello")
        stage.running = facts["current"]
        shipment = ship(facts)
        bundle = stage.bundle = shipment.identity
        _fits(host, facts, shipment)
        if facts["current"] == bundle and not facts["pending"] and not way.again:
            return _as_it_is(host, facts)
        if way.dry_run:
            return _would_run(host, facts, shipment, way)
        agent.ask("lock", who=f"{getpass.getuser()}@{socket.gethostname()}")
        stage.name = "copying"
        _copy(agent, connection, facts, shipment, way, say)
        stage.name = "installing"
        say("installing")
        agent.ask("install", bundle=bundle)
        stage.name = "switching"
        done = agent.ask("activate", bundle=bundle, seconds=way.healthy_within_s, keep=way.keep)
        text = f"healthy after {done['seconds']:g} s"
        if done["previous"] and done["previous"] != bundle:
            text += f", before {done['previous']}"
        return Outcome(host=host, state="runs", bundle=bundle, text=text)


def status(host: str, config: Path | None, root: str = ROOT, ask: bool = False) -> dict[str, Any]:
    """What the board *host* says of itself.

    Raises:
        FatalError: it cannot be asked.
    """
    with connected(host, config, ask=ask) as connection, Agent(connection, root, lambda _: None) as agent:
        return agent.ask("hello")


def _fits(host: str, facts: dict[str, Any], shipment: Shipment) -> None:
    """Refuse early what install.sh or the board would refuse after the copy."""
    target = shipment.manifest.target
    if facts["arch"] != target.arch:
        raise FatalError(
            host,
            f"is {facts['arch']}, and the bundle for target {target.name} needs {target.arch}",
            "build a target for this board",
        )
    if facts["keys"] is not None:
        shipment.check_signature(facts["keys"], f"{host}:{facts['settings']}")


def _as_it_is(host: str, facts: dict[str, Any]) -> Outcome:
    report = facts["health"]
    lacks = lacking(report, was_lost=True) if report else "wrote no health report"
    if lacks is None:
        return Outcome(host=host, state="ran already", bundle=facts["current"], text="healthy")
    return Outcome(
        host=host,
        state="failed",
        bundle=facts["current"],
        text=f"has this bundle already, but the service {lacks} – see its log, or deploy --again",
    )


def _would_run(host: str, facts: dict[str, Any], shipment: Shipment, way: Way) -> Outcome:
    bundle, bad = shipment.identity, facts["bad"].get(shipment.identity)
    if bad and not way.again:
        text = f"failed on this board before: {bad.get('why')} – deploy another one, or say --again"
        return Outcome(host=host, state="failed", bundle=facts["current"], text=text)
    what = "has it already" if bundle in facts["bundles"] else f"{shipment.size / 1e6:.0f} MB to copy"
    text = f"{bundle}: {what}, {facts['free'] / 1e6:.0f} MB free, service by {facts['service']}"
    return Outcome(host=host, state="would run", bundle=facts["current"], text=text)


def _copy(
    agent: Agent,
    connection: Connection,
    facts: dict[str, Any],
    shipment: Shipment,
    way: Way,
    say: Callable[[str], None],
) -> None:
    """Until all is there and whole.

    Raises:
        FatalError: it does not get whole.
    """
    listed = [(file.name, file.size, file.sha256) for file in shipment.files]
    by_rsync = way.rsync and facts["rsync"] and shutil.which("rsync") is not None
    for _ in range(ROUNDS):
        prepared = agent.ask("prepare", bundle=shipment.identity, files=listed, again=way.again)
        if prepared.get("present"):
            return
        have: dict[str, int] = prepared["have"]
        missing = [file for file in shipment.files if have.get(file.name, -1) < file.size]
        size = sum(file.size - have.get(file.name, 0) for file in missing)
        say(f"copying {size / 1e6:.1f} of {shipment.size / 1e6:.1f} MB" + (" with rsync" if by_rsync else ""))
        if missing and by_rsync:
            connection.rsync(missing, prepared["folder"])
        elif missing:
            offsets = [(file, have.get(file.name, 0)) for file in missing]
            agent.send(shipment.identity, offsets, _Progress(size, say))
        wrong = agent.ask("seal", bundle=shipment.identity, files=listed)["wrong"]
        if not wrong:
            return
        say(f"{', '.join(wrong)} arrived damaged")
    raise FatalError(connection.host, "files arrive damaged again and again", "check the board's disk")


class _Progress:
    """Says how far a copy is, every few seconds."""

    def __init__(self, size: int, say: Callable[[str], None], every_s: float = 5.0) -> None:
        self._size, self._say, self._every_s = size, say, every_s
        self._sent, self._told = 0, time.monotonic()

    def __call__(self, count: int) -> None:
        self._sent += count
        if time.monotonic() - self._told >= self._every_s:
            self._told = time.monotonic()
            self._say(f"{self._sent / 1e6:.0f} of {self._size / 1e6:.0f} MB")


def _what_became(host: str, stage: _Stage, way: Way, root: str, lost: Lost) -> Outcome:
    """Of a switch during which the connection broke: the board has gone on by itself."""
    deadline = time.monotonic() + way.healthy_within_s + 60
    while time.monotonic() < deadline:
        time.sleep(AGAIN_S)
        try:
            facts = status(host, way.config, root)
        except FatalError:
            continue
        # The board may have been cut off in its middle: then the next start takes it back.
        if facts["pending"]:
            continue
        last = facts["last"] or {}
        runs = facts["current"] == stage.bundle
        if runs and last.get("bundle") == stage.bundle and last.get("outcome") == "runs":
            return Outcome(
                host=host, state="runs", bundle=stage.bundle, text="healthy; the connection broke meanwhile"
            )
        why = last.get("why") if last.get("bundle") == stage.bundle else "the switch was interrupted"
        return Outcome(host=host, state="rolled back", bundle=facts["current"], text=str(why))
    return Outcome(host=host, state="failed", bundle=None, text=_text(lost))


def _text(error: FatalError) -> str:
    return f"{error.what.rpartition(': ')[2]}: {error.why} – {error.todo}"
