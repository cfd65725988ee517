"""`lpr-host test-board`: a bundle on a whole virtual board."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.targets.profile import Target

BOARDS = {"rpi4": "cortex-a72", "rpi5": "cortex-a76"}
"""Targets there is a virtual board for, and QEMU's names of their processors."""


@click.command("test-board")
@options.target
@options.bundle
@click.option("--only", help="Names of checks, with commas in between; start and install are done, too.")
def test_board_command(target: Target, bundle: Path | None, only: str | None) -> None:
    """Start a virtual board, install a target's bundle on it and try what a board has to bear.

    Everything is emulated, which says nothing about speed. The bundle is built first if it is missing.

    Exit status: 0 if all checks pass, 1 if not, 2 on an error.
    """
    if target.name not in BOARDS:
        raise FatalError(f"--target {target.name}", "there is no virtual board", f"use {' or '.join(BOARDS)}")
    from device_runtime.bundle.manifest import MANIFEST_NAME
    from host.build import Request, build
    from host.virtual_board.run import checks_named, try_board

    chosen = checks_named(only)
    folder = bundle or Path("build") / target.name
    if not (folder / MANIFEST_NAME).is_file():
        build(Request(target=target, output=folder))
    results = try_board(folder, BOARDS[target.name], chosen)
    sys.exit(options.show_outcomes(results))
