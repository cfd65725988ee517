"""`lpr-host build` and `lpr-host eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from host.commands.options import FOLDER
from host.targets.profile import PRECISIONS, PRUNINGS
from host.targets.read import load_target

SCHEDULES = ("tuned", "default", "metaschedule")


@click.command("build")
@click.option("--target", "name", default="native", show_default=True, help="Profile name or .toml file.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint; the shipped one unless given.")
@click.option("--pruning", type=click.Choice(PRUNINGS), help="Shipped network; the recipe's unless given.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="The target's recipe unless given.")
@click.option("--calibration", type=FOLDER, help="Plate images for int8 ranges; the samples unless given.")
@click.option("--observer", help="Of int8 ranges: min-max, percentile, mse or entropy.  [default: mse]")
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    default="tuned",
    show_default=True,
    help="Own kernels, or TVM's: untuned, or by MetaSchedule's generic search.",
)
@click.option("--trials", type=click.IntRange(1), help="Measurements of MetaSchedule.  [default: 1024]")
@click.option("--output", type=FOLDER, help="Bundle folder.  [default: build/TARGET]")
@one_line_errors
def build_command(
    name: str,
    weights: Path | None,
    pruning: str | None,
    precision: str | None,
    calibration: Path | None,
    observer: str | None,
    schedule: Literal["tuned", "default", "metaschedule"],
    trials: int | None,
    output: Path | None,
) -> None:
    """Compile weights for a target and write the bundle."""
    if weights and pruning:
        raise FatalError("--weights and --pruning", "name two networks", "give one of them")
    if trials and schedule != "metaschedule":
        raise FatalError("--trials", f"nothing is searched with --schedule {schedule}", "leave it out")
    target = load_target(name)
    if observer and (precision or target.recipe.precision) != "int8":
        raise FatalError(f"--observer {observer}", "only int8 has ranges", "add --precision int8")
    from host.build import Request, build
    from host.compile.baselines import TRIALS
    from host.paths import SAMPLES
    from host.quantize import Options
    from lprnet.weights import of_recipe

    click.echo(f"Building {target.name} ({target.display_name})", err=True)
    folder = output or Path("build") / target.name
    checkpoint = weights or of_recipe(pruning or target.recipe.pruning)
    quantization = Options(observer) if observer else Options()
    request = Request(
        target,
        folder,
        checkpoint,
        precision,
        calibration or SAMPLES,
        quantization,
        schedule,
        trials or TRIALS,
    )
    build(request)
