"""Errors of the command-line tools: one line, status 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec

import click

from device_runtime.errors import FatalError

P = ParamSpec("P")


def fail(error: FatalError) -> NoReturn:
    """Print *error* as one line on standard error and exit with status 2."""
    click.echo("error: " + " ".join(str(error).split()), err=True)
    sys.exit(2)


def one_line_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a `FatalError` raised inside a click command into one line and exit status 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except FatalError as error:
            fail(error)

    return guarded
