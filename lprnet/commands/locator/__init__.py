"""`lprnet locator`: every file here but `options.py` is a command of that name."""

from __future__ import annotations

import click

from lprnet.file_group import FileGroup


@click.group("locator", cls=FileGroup, package="lprnet.commands.locator")
def locator_command() -> None:
    """Find plates in photographs: train, mine, measure."""
