"""`lpr-host`: every file of `host/commands/` but `options.py` is a command of that name."""

from __future__ import annotations

import click

from device_runtime import __version__
from lprnet import console
from lprnet.file_group import FileGroup


@click.command(
    cls=FileGroup, package="host.commands", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="lpr-host")
@click.option("-v", "--verbose", count=True, help="Log more.")
@click.option("-q", "--quiet", is_flag=True, help="Log warnings alone.")
def main(verbose: int, quiet: bool) -> None:
    """Turn LPRNet weights into a bundle for an edge board, and show what the board reports."""
    console.configure(-1 if quiet else verbose)
