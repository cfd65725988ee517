"""Options that several commands share: the same name, the same words, the same default."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from device_runtime.errors import FatalError
from host.paths import REPOSITORY
from host.precision import PRECISIONS
from host.targets.profile import Target
from host.targets.read import load_target
from host.trial import Outcome
from lprnet.console import table

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Option = Callable[[Decorated], Decorated]

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


class TargetType(click.ParamType):
    """The name of a profile, or a `.toml` file, as the `Target` it describes."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Read the profile.

        Raises:
            FatalError: there is no such target, or its profile is wrong.
        """
        return value if isinstance(value, Target) else load_target(value)


class NamesType(click.ParamType):
    """Some of the *known* names, separated by commas, as a tuple without repetition.

    Args:
        or_none: `none` is allowed too, and gives an empty tuple.
    """

    name = "names"

    def __init__(self, known: Sequence[str], or_none: bool = False) -> None:
        self._known, self._or_none = tuple(known), or_none

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Fails when it names nothing or something else."""
        if isinstance(value, tuple):
            return value
        if self._or_none and value.strip() == "none":
            return ()
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        for name in names:
            if name not in self._known:
                self.fail(f"{name} is unknown, choose among {', '.join(self._known)}", param, ctx)
        if not names:
            self.fail(f"names nothing, choose among {', '.join(self._known)}", param, ctx)
        return names


class CountsType(click.ParamType):
    """Whole numbers from 1, separated by commas, as a tuple without repetition."""

    name = "counts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Fails when anything between the commas is no such number."""
        if isinstance(value, tuple):
            return value
        parts = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        if not all(part.isdecimal() and int(part) > 0 for part in parts):
            self.fail(f"{value} is not a list of counts, write e.g. 1,2", param, ctx)
        return tuple(map(int, parts))


target = click.option(
    "--target",
    type=TargetType(),
    metavar="NAME",
    default="native",
    show_default=True,
    help="Board to build for: a name that `lpr-host targets` lists, or a .toml file.",
)
precision = click.option(
    "--precision", type=click.Choice(tuple(PRECISIONS)), help="Number format; the target's recipe by default."
)
bundle = click.option("--bundle", type=FOLDER, help="Bundle folder; build/TARGET by default.")
calibration = click.option(
    "--calibration", type=FOLDER, help="Plate images for int8's ranges; the samples by default."
)
peers_python = click.option(
    "--python",
    type=FILE,
    default=lambda: _peers_python(),
    help="Interpreter with the peers' packages; the one that `make bench` set up by default, or this one.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


reader = click.option(
    "--reader",
    metavar="NAME",
    help="Whose plates are read: the name of shipped weights, cn, latin or kr; cn by default.",
)


def _without_password(context: click.Context, parameter: click.Parameter, url: str) -> str:
    address = url.partition("://")[2].rpartition("@")[0]
    if ":" in address and given(context, parameter.name or ""):
        raise FatalError(
            "--db", "holds a password, which others can see", "set LPR_DB, PGPASSWORD, or use ~/.pgpass"
        )
    return url


db = click.option(
    "--db",
    metavar="URL",
    envvar="LPR_DB",
    default="sqlite:///lpr.db",
    show_default=True,
    callback=_without_password,
    help="Where it is kept: sqlite:///FILE or postgresql://USER@HOST/DATABASE; LPR_DB by default.",
)


def weights(default: str = "the target's recipe") -> Option[Any]:
    """`--weights FILE`; *default* says which checkpoint is taken without it."""
    return click.option("--weights", type=FILE, help=f"Checkpoint; {default} by default.")


def data(required: bool = False) -> Option[Any]:
    """`--data FOLDER`, to measure accuracy on; repeatable."""
    return click.option(
        "--data",
        multiple=True,
        required=required,
        type=FOLDER,
        help="Folder of plate images named by their text; repeatable.",
    )


def signing_key(option: str, required: bool = False) -> Option[Any]:
    """*option* FILE: the private key that signs bundles."""
    return click.option(
        option, type=FILE, required=required, help="Private key of `lpr-host key new` that signs the bundle."
    )


def output(
    what: str, kind: click.Path, default: str | Path | None = None, required: bool = False
) -> Option[Any]:
    """`--output PATH`, where *what* is written.

    Args:
        default: a path, or words for one that the target decides.
    """
    if isinstance(default, Path):
        return click.option("--output", type=kind, default=default, show_default=True, help=f"{what}.")
    by_default = f"; {default} by default" if default else ""
    return click.option("--output", type=kind, required=required, help=f"{what}{by_default}.")


def given(context: click.Context, name: str) -> bool:
    """Whether the user gave the parameter *name*."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def refuse_others(context: click.Context, known: Set[str], why: str) -> None:
    """Options that would do nothing are refused: all but those of the parameters *known*.

    Raises:
        FatalError: one is given.
    """
    for parameter in context.command.params:
        if parameter.name not in known and given(context, parameter.name or ""):
            raise FatalError(parameter.opts[0], why, "leave it out")


def _peers_python() -> Path:
    own = REPOSITORY / ".venv-bench/bin/python"
    return own if os.access(own, os.X_OK) else Path(sys.executable)


def show_outcomes(outcomes: Sequence[Outcome]) -> int:
    """Print what became of trials as a table, and return the exit status: 1 if one failed."""
    table(
        ("check", "state", "s", "what was seen"),
        [(one.name, one.state, f"{one.seconds:.0f}", one.seen) for one in outcomes],
        right={"s"},
    )
    return 1 if any(one.state == "failed" for one in outcomes) else 0
