"""Starts a board, tries all checks, and says what became of each."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from device_runtime.errors import FatalError
from host.bundle.sign import load_key, new_key, sign
from host.virtual_board import kit
from host.virtual_board.checks import CHECKS, SKIPPED, Check, Trial
from host.virtual_board.image import base_image
from host.virtual_board.machine import Failed, Machine

LOG = logging.getLogger(__name__)

FIRST = 2
"""So many of the checks are what all others need."""


@dataclass(frozen=True)
class Result:
    """What became of a check.

    Attributes:
        seen: a word on it, or why it failed.
    """

    name: str
    state: Literal["passed", "failed", "not tried"]
    seconds: float
    seen: str


def checks_named(names: str | None) -> tuple[tuple[str, Check], ...]:
    """Those of `CHECKS` that *names* says, with commas in between, after what they need; all for None.

    Raises:
        FatalError: there is no such check.
    """
    if names is None:
        return CHECKS
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [name for name, _ in CHECKS]
    for name in wanted:
        if name not in known:
            raise FatalError(f"--only {name}", "is no check", f"choose among {', '.join(known)}")
    return (*CHECKS[:FIRST], *(check for check in CHECKS[FIRST:] if check[0] in wanted))


def try_board(bundle: Path, cpu: str, checks: Sequence[tuple[str, Check]] = CHECKS) -> list[Result]:
    """Install a signed copy of *bundle* on a new virtual board with QEMU's processor *cpu*, and try *checks*.

    A check that fails is one line, and the next is tried, but for the first two.

    Raises:
        FatalError: the board cannot be made or started.
    """
    image = base_image()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="lpr-board-") as scratch:
        work = Path(scratch)
        ours, needed = work / "bundle", work / "kit"
        shutil.copytree(bundle, ours, ignore=shutil.ignore_patterns("reports", "venv", "wheels"))
        shutil.copytree(kit.wheels(), ours / "wheels")
        key = new_key(work / "key")
        sign(ours, load_key(work / "key"))
        samples = kit.make(needed)
        machine = Machine(image, work, cpu)
        trial = Trial(
            machine=machine, bundle=ours, kit=needed, key=key.text, texts=kit.TEXTS, samples=samples
        )
        try:
            for number, (name, check) in enumerate(checks):
                results.append(_tried(name, check, trial))
                if results[-1].state == "failed" and number < FIRST:
                    break
        finally:
            machine.stop()
    return results


def _tried(name: str, check: Check, trial: Trial) -> Result:
    LOG.info("virtual board: %s …", name)
    start = time.monotonic()
    state: Literal["passed", "failed", "not tried"] = "passed"
    try:
        seen = check(trial)
        if seen.startswith(SKIPPED):
            state, seen = "not tried", seen.removeprefix(SKIPPED)
    except Failed as failure:
        state, seen = "failed", str(failure)
    seconds = time.monotonic() - start
    LOG.log(
        logging.ERROR if state == "failed" else logging.INFO,
        "virtual board: %s %s after %.0f s: %s",
        *(name, state, seconds, seen),
    )
    return Result(name, state, seconds, seen)
