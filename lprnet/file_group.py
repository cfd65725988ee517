"""A command-line tool whose commands are files."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from device_runtime.console import OneLineGroup

SHARED = "options"
"""The module of a package of commands that holds what they share."""


class FileGroup(OneLineGroup):
    """Every module of a package but `options` is a command of that name.

    The command `test-device` is `test_device_command` of `test_device.py`. A file imports what it runs only
    when it runs it, so that `--help` need not wait for torch or TVM.
    """

    def __init__(self, *args: Any, package: str, **settings: Any) -> None:
        """As `click.Group`, with the commands in the modules of *package*."""
        super().__init__(*args, **settings)
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names in alphabetical order."""
        folder = importlib.import_module(self.package).__path__
        files = (module.name for module in pkgutil.iter_modules(folder))
        return sorted(name.replace("_", "-") for name in files if name != SHARED)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name; None if there is no such file."""
        if name not in self.list_commands(ctx):
            return None
        file = name.replace("-", "_")
        command = getattr(importlib.import_module(f"{self.package}.{file}"), f"{file}_command")
        assert isinstance(command, click.Command)
        return command
