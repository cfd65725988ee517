"""Starts a board, tries all checks, and says what became of each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from device_runtime.errors import FatalError
from host.bundle.sign import load_key, new_key, sign
from host.trial import Outcome, tried
from host.virtual_board import kit
from host.virtual_board.checks import CHECKS, Check
from host.virtual_board.image import base_image
from host.virtual_board.machine import Machine
from host.virtual_board.trial import Trial

FIRST = 2
"""So many of the checks are what all others need."""


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


def try_board(bundle: Path, cpu: str, checks: Sequence[tuple[str, Check]] = CHECKS) -> list[Outcome]:
    """Install a signed copy of *bundle* on a new virtual board with QEMU's processor *cpu*, and try *checks*.

    A check that fails is one line, and the next is tried, but for the first two.

    Raises:
        FatalError: the board cannot be made or started.
    """
    image = base_image()
    results: list[Outcome] = []
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
            machine=machine,
            work=work,
            bundle=ours,
            kit=needed,
            key=key.text,
            private=work / "key",
            texts=kit.TEXTS,
            samples=samples,
        )
        try:
            for number, (name, check) in enumerate(checks):
                results.append(tried("virtual board", name, partial(check, trial)))
                if results[-1].state == "failed" and number < FIRST:
                    break
        finally:
            machine.stop()
    return results
