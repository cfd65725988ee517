"""`lpr-host key`: keys that bundles are signed with."""

from __future__ import annotations

from pathlib import Path

import click

from device_runtime.console import OneLineGroup
from host.commands import options


@click.group("key", cls=OneLineGroup)
def key_command() -> None:
    """Make a key that signs bundles, or show the public half, which boards get."""


@key_command.command("new")
@click.argument("file", type=options.FILE)
def new_command(file: Path) -> None:
    """Write a private key to FILE, readable by its owner alone, and print the public key."""
    from host.bundle.sign import new_key

    click.echo(new_key(file).text)


@key_command.command("show")
@click.argument("file", type=options.FILE)
def show_command(file: Path) -> None:
    """Print the public key of the private key in FILE: a line for `lpr-run --require-signature`."""
    from host.bundle.sign import load_key, public_key

    click.echo(public_key(load_key(file)).text)
