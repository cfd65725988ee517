"""`lpr-host doctor`."""

from __future__ import annotations

import sys

import click

from device_runtime.console import one_line_errors
from host.check.doctor import examine
from host.targets.read import load_target


@click.command("doctor")
@click.option("--target", "name", help="Check what this target needs.  [default: native, and all linkers]")
@one_line_errors
def doctor_command(name: str | None) -> None:
    """Say what is installed and what is missing, with the command that installs it.

    Exit status: 0 if all that is needed is there, 1 if not.
    """
    target = load_target(name or "native")
    click.echo(f"{target.name}: {target.display_name}")
    checks = examine(target, every_target=name is None)
    for check in checks:
        click.echo(check.line())
    missing = [check for check in checks if check.needed and check.found is None]
    click.echo(f"{len(missing)} missing" if missing else "all that is needed is here")
    sys.exit(1 if missing else 0)
