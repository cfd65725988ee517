"""Options that several commands share, and types of options that click lacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from device_runtime.errors import FatalError

if TYPE_CHECKING:
    from lprnet.data.dataset import Sample
    from lprnet.network.alphabet import Alphabet
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
    """A kind or a mix of plates (`lprnet.plates.kinds`)."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was given.

        Raises:
            FatalError: there is no such kind or mix.
        """
        from lprnet.plates.kinds import KINDS, MIXES

        if value not in KINDS.keys() | MIXES.keys():
            names = ", ".join([*MIXES, *KINDS])
            raise FatalError(f"--kind {value}", "no such kind of plate", f"choose one of {names}")
        return value


class AlphabetType(click.ParamType):
    """Characters to read, ranges like A-Z among them, as an `Alphabet`."""

    name = "characters"

    def convert(
        self, value: str | Alphabet, param: click.Parameter | None, ctx: click.Context | None
    ) -> Alphabet:
        """The characters and the blank.

        Raises:
            FatalError: a range runs backwards, or a character is listed twice.
        """
        from lprnet.network.alphabet import parse_alphabet

        return parse_alphabet(value) if isinstance(value, str) else value


def kind(what: str = "Kind or mix of rendered plates, e.g. eu; Chinese ones by default.") -> Option[Any]:
    """`--kind NAME`; *what* is its help."""
    return click.option("--kind", type=KindType(), help=what)


def alphabet(default: str) -> Option[Any]:
    """`--alphabet CHARACTERS`; *default* says whose are taken without it."""
    return click.option(
        "--alphabet", type=AlphabetType(), help=f"Characters to read, e.g. 0-9A-Z; {default} by default."
    )


def weights(what: str = "Checkpoint to start from") -> Option[Any]:
    """`--weights FILE`; the shipped checkpoint by default."""
    return click.option("--weights", type=FILE, help=f"{what}; the shipped one by default.")


def output(kind: click.Path, what: str) -> Option[Any]:
    """`--output PATH`, where *what* is written."""
    return click.option("--output", type=kind, required=True, help=what)


def training(command: Decorated) -> Decorated:
    """What both commands that train a reader take."""
    return click.option(
        "--recombined",
        type=Number(0, 1),
        default=0.5,
        show_default=True,
        help="Share of the real samples put together from characters of several.",
    )(run(command))


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
