from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec

import click

P = ParamSpec("P")


class FatalError(Exception):
    """The user, the board or a file is at fault, and the program cannot go on.

    Args:
        what: the thing that is wrong, e.g. a path, an option or a device.
        why: what is wrong with it.
        todo: what the user can do next.
    """

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(f"{what}: {why} – {todo}")
        self.what, self.why, self.todo = what, why, todo


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
