"""What the host's tools tell their user while they work."""

from __future__ import annotations

import click


def say(message: str) -> None:
    """One progress line on standard error."""
    click.echo(message, err=True)
