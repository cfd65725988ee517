"""`lpr-host`: every file of `host/commands/` but `options.py` is a command of that name."""

from __future__ import annotations

import importlib
import pkgutil

import click

import host.commands
from device_runtime import __version__
from device_runtime.console import OneLineGroup
from lprnet import console

NO_COMMANDS = {"options"}
"""Modules of `host.commands` that hold what commands share."""


class FileGroup(OneLineGroup):
    """The command `test-device` is `test_device_command` of `host/commands/test_device.py`.

    The files import what they run only when they run it, so that `--help` need not wait for TVM.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names in alphabetical order."""
        files = (module.name for module in pkgutil.iter_modules(host.commands.__path__))
        return sorted(name.replace("_", "-") for name in files if name not in NO_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name; None if there is no such file."""
        if name not in self.list_commands(ctx):
            return None
        file = name.replace("-", "_")
        command = getattr(importlib.import_module(f"host.commands.{file}"), f"{file}_command")
        assert isinstance(command, click.Command)
        return command


@click.command(cls=FileGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lpr-host")
@click.option("-v", "--verbose", count=True, help="Log more.")
@click.option("-q", "--quiet", is_flag=True, help="Log warnings alone.")
def main(verbose: int, quiet: bool) -> None:
    """Turn LPRNet weights into a bundle for an edge board, and show what the board reports."""
    console.configure(-1 if quiet else verbose)
