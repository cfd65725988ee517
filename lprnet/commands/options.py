"""Options that several commands share, and types of options that click lacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from device_runtime.errors import FatalError

if TYPE_CHECKING:
    from lprnet.data.dataset import Sample
    from lprnet.network.alphabet import ClassList
    from lprnet.network.fold import Color
    from lprnet.plates.recombine import Stock
    from lprnet.training.processes import Group
    from lprnet.training.settings import Budget

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Option = Callable[[Decorated], Decorated]

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

UNSEEN = 1 << 20
"""Seed of rendered plates for measuring and showing; a training run's seed stays below it."""
SEED = click.IntRange(0, UNSEEN - 1)
"""Seed of a training run."""


class Number(click.FloatRange):
    """A `click.FloatRange` that refuses nan, which is in every range, and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number.

        Raises:
            click.BadParameter: it is none, outside the range, or not finite.
        """
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Number(0, min_open=True)


class KindType(click.ParamType):
    """A kind or a mix of plates (`lprnet.plates.kinds`), or a country's file."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was given.

        Raises:
            FatalError: there is no such kind or mix.
        """
        from lprnet.plates.kinds import KINDS, MIXES, known

        if not known(value):
            names = ", ".join(dict.fromkeys([*MIXES, *KINDS]))
            raise FatalError(f"--kind {value}", "no such kind of plate", f"choose one of {names}")
        return value


class ClassListType(click.ParamType):
    """Characters, ranges like A-Z among them, a file of them or a known list's name, as a `ClassList`."""

    name = "characters"

    def convert(
        self, value: str | ClassList, param: click.Parameter | None, ctx: click.Context | None
    ) -> ClassList:
        """What is listed.

        Raises:
            FatalError: a range runs backwards, or a file that cannot be read.
        """
        from lprnet.network.alphabet import read_class_list

        return read_class_list(value) if isinstance(value, str) else value


class NumbersType(click.ParamType):
    """Numbers or fractions, separated by commas, e.g. 127.5 or 1/58.4,1/57.1,1/57.4, as a tuple."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Fails when anything between the commas is no finite number."""
        if isinstance(value, tuple):
            return value
        return tuple(self._number(value, part, param, ctx) for part in value.split(","))

    def _number(
        self, value: str, part: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        above, _, below = part.partition("/")
        try:
            number = float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value} is no list of numbers, write e.g. 127.5 or 1/58.4,1/57.1,1/57.4", param, ctx)
        return number


def kind(
    what: str = "Kind, country, mix or file of rendered plates; Chinese by default.",
) -> Option[Any]:
    """`--kind NAME`, which may be called `--countries`; *what* is its help."""
    return click.option("--kind", "--countries", "kind", type=KindType(), help=what)


def alphabet_option(default: str) -> Option[Any]:
    """`--alphabet CHARACTERS`; *default* says whose are taken without it."""
    return click.option(
        "--alphabet",
        type=ClassListType(),
        help=f"Classes in order: characters, e.g. 0-9A-Z, a text file or a known list; {default} by default.",
    )


blank = click.option(
    "--blank",
    metavar="CHARACTER",
    help="The class that means none: first, last or its character; last by default.",
)


def foreign(what: str = "as the checkpoint says") -> Option[Any]:
    """What a checkpoint from elsewhere does not say itself, as the parameter `source`.

    Args:
        what: whose classes are taken without `--alphabet`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_source(
            *args: Any,
            alphabet: ClassList | None,
            blank: str | None,
            color: Color | None,
            mean: tuple[float, ...] | None,
            scale: tuple[float, ...] | None,
            **others: Any,
        ) -> Any:
            from lprnet.network.checkpoint import Source

            source = Source(classes=alphabet, blank=blank, color=color, mean=mean, scale=scale)
            return command(*args, source=source, **others)

        decorated: Callable[..., Any] = with_source
        for option in reversed(
            (
                alphabet_option(what),
                blank,
                click.option(
                    "--color",
                    type=click.Choice(("BGR", "RGB", "GRAY"), case_sensitive=False),
                    help="Channels that a checkpoint from elsewhere reads; BGR by default.",
                ),
                click.option(
                    "--mean",
                    type=NumbersType(),
                    help="Of its input (x − mean) · scale, x of 0…255; 127.5 by default.",
                ),
                click.option("--scale", type=NumbersType(), help="Of its input; 1/128 by default."),
            )
        ):
            decorated = option(decorated)
        return decorated

    return decorate


def weights(what: str = "Checkpoint to start from") -> Option[Any]:
    """`--weights FILE`; the shipped checkpoint by default."""
    return click.option("--weights", type=FILE, help=f"{what}; the shipped one by default.")


def output(kind: click.Path, what: str) -> Option[Any]:
    """`--output PATH`, where *what* is written."""
    return click.option("--output", type=kind, required=True, help=what)


def training(command: Decorated) -> Decorated:
    """What both commands that train a reader take."""
    for option in (
        click.option(
            "--replay",
            type=click.IntRange(min=0),
            default=0,
            help="Keep the last N samples and see them again, varied, while more are drawn; for GPUs.",
        ),
        click.option(
            "--recombined",
            type=Number(0, 1),
            default=0.5,
            show_default=True,
            help="Share of the real samples put together from characters of several.",
        ),
    ):
        command = option(command)
    return run(command)


def run(command: Decorated) -> Decorated:
    """What every command that trains takes: where, how long, on how much of the machine."""
    for option in reversed(
        (
            output(FOLDER, "Folder of the run; an interrupted run goes on."),
            click.option("--hours", type=POSITIVE, help="Time from the run's first start."),
            click.option("--until", help="Local time HH:MM at which to be finished."),
            click.option("--samples", type=click.IntRange(min=1), help="Number of samples."),
            click.option(
                "--batch", type=click.IntRange(min=2), default=32, show_default=True, help="Samples a step."
            ),
            click.option(
                "--workers",
                type=click.IntRange(min=0),
                default=1,
                show_default=True,
                help="Rendering processes.",
            ),
            click.option(
                "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of PyTorch."
            ),
            click.option(
                "--device",
                default="cpu",
                show_default=True,
                help="Of PyTorch, e.g. cuda; under torchrun each process has a GPU of its own.",
            ),
        )
    ):
        command = option(command)
    return command


def budget(output: Path, hours: float | None, until: str | None, samples: int | None) -> Budget:
    """How long the run in *output* goes, of the options `--hours`, `--until` and `--samples`.

    Raises:
        FatalError: not one of them is given but none or several, or `--until` is no time.
    """
    from lprnet.training.settings import Budget
    from lprnet.training.state import started

    if sum(value is not None for value in (hours, until, samples)) != 1:
        raise FatalError("training length", "not given once", "give one of --hours, --until, --samples")
    if samples is not None:
        return Budget(samples=samples)
    if hours is not None:
        return Budget(deadline=started(output) + hours * 3600)
    assert until is not None
    try:
        clock = time.strptime(until, "%H:%M")
    except ValueError:
        raise FatalError(f"--until {until}", "not a time", "write it as HH:MM") from None
    now = time.localtime()
    deadline = time.mktime((*now[:3], clock.tm_hour, clock.tm_min, 0, 0, 0, -1))
    return Budget(deadline=deadline if deadline > time.time() else deadline + 86400)


def processes(device: str) -> Group:
    """The processes that train together, as `torchrun` started them, until the command ends.

    Raises:
        FatalError: there is no such *device*, or fewer GPUs than processes.
    """
    from lprnet.training.processes import joined

    return click.get_current_context().with_resource(joined(device))


def recombination(crops: Sequence[Sample], share: float) -> Stock | None:
    """What recombined samples are made from; None if there are to be none, or too few crops for any."""
    from lprnet.plates.recombine import stock

    if not crops or not share:
        return None
    found = stock(crops)
    return found if len(found.donors) > 1 else None


def unwritable(option: str) -> FatalError:
    """The error for plates that *option* asks for and the alphabet cannot write."""
    return FatalError(
        option,
        "the alphabet lacks characters of rendered plates",
        "choose another --kind, or add the characters",
    )
