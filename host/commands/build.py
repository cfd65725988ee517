"""`lpr-host build`: weights and a target → a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.targets.profile import Target
from lprnet.commands.options import foreign
from lprnet.weights import PRUNINGS

if TYPE_CHECKING:
    from lprnet.network.checkpoint import Source

SCHEDULES = ("tuned", "default", "metaschedule")


@click.command("build")
@options.target
@options.weights("the reader's")
@options.reader
@foreign()
@click.option(
    "--pruning", type=click.Choice(PRUNINGS), help="Which shipped network; the target's recipe by default."
)
@options.precision
@options.calibration
@click.option("--observer", help="Of int8's ranges: min-max, percentile, mse or entropy; mse by default.")
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    default="tuned",
    show_default=True,
    help="Own kernels, or TVM's: untuned, or by MetaSchedule's generic search.",
)
@click.option("--trials", type=click.IntRange(1), help="Measurements of MetaSchedule; 1024 by default.")
@click.option("--no-locator", is_flag=True, help="Leave out what finds plates: 0.5 MB less.")
@options.signing_key("--sign")
@options.output("Bundle folder", options.FOLDER, "build/TARGET")
def build_command(
    target: Target,
    weights: Path | None,
    reader: str | None,
    source: Source,
    pruning: str | None,
    precision: str | None,
    calibration: Path | None,
    observer: str | None,
    schedule: Literal["tuned", "default", "metaschedule"],
    trials: int | None,
    no_locator: bool,
    sign: Path | None,
    output: Path | None,
) -> None:
    """Compile weights for a target and write the bundle."""
    for option, value in (("--pruning", pruning), ("--reader", reader)):
        if weights and value:
            raise FatalError(f"--weights and {option}", "name two networks", "give one of them")
    if trials and schedule != "metaschedule":
        raise FatalError("--trials", f"nothing is searched with --schedule {schedule}", "leave it out")
    if observer and (precision or target.recipe.precision) != "int8":
        raise FatalError(f"--observer {observer}", "only int8 has ranges", "add --precision int8")
    from host.build import Request, build
    from host.compile.baselines import TRIALS
    from host.quantize import Options
    from lprnet.weights import LOCATOR, READER, of_recipe

    build(
        Request(
            target=target,
            output=output or Path("build") / target.name,
            checkpoint=weights or of_recipe(pruning or target.recipe.pruning, reader or READER),
            source=source,
            precision=precision,
            calibration=calibration,
            quantization=Options(observer) if observer else Options(),
            schedule=schedule,
            trials=trials or TRIALS,
            locator=None if no_locator else LOCATOR,
            signing_key=sign,
        )
    )
