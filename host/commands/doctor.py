"""`lpr-host doctor`: what is installed, and the command that installs what is not."""

from __future__ import annotations

import sys

import click

from host.commands import options
from host.targets.profile import Target
from lprnet.console import table


@click.command("doctor")
@options.target
def doctor_command(target: Target) -> None:
    """Say what is installed and what is missing, with the command that installs it.

    For this machine itself, `native`, the linkers of all targets are looked for.

    Exit status: 0 if all that is needed is there, 1 if not.
    """
    from host.check.doctor import examine

    click.echo(f"{target.name}: {target.display_name}")
    checks = examine(target, every_target=target.name == "native")
    table(
        ("state", "what", "for", "found, or how to get it"),
        [(c.state, c.name, c.purpose, c.remedy if c.found is None else c.found) for c in checks],
    )
    missing = [check for check in checks if check.needed and check.found is None]
    click.echo(f"{len(missing)} missing" if missing else "all that is needed is here")
    sys.exit(1 if missing else 0)
