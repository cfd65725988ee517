"""`lpr-host results`."""

from __future__ import annotations

from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.console import say
from host.paths import SAMPLES
from host.targets.read import load_target

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("results")
@click.option("--target", "name", default="native", show_default=True, help="Profile this machine can run.")
@click.option("--weights", multiple=True, type=_FILE, help="Checkpoints beside the shipped one; repeatable.")
@click.option("--data", multiple=True, type=_FOLDER, help="Images named by plate, for accuracy; repeatable.")
@click.option("--calibration", type=_FOLDER, help="Images for int8; the samples unless given.")
@click.option("--only", multiple=True, help="Part of the names of rows to keep; repeatable.")
@click.option("--trials", type=click.IntRange(0), default=1024, show_default=True, help="Of MetaSchedule.")
@click.option("--rounds", type=click.IntRange(1), default=50, show_default=True, help="Turns for each row.")
@click.option("--inferences", type=click.IntRange(1), default=10, show_default=True, help="Timed, per turn.")
@click.option("--output", type=_FOLDER, default=Path("build/results"), show_default=True)
def results_command(
    name: str,
    weights: tuple[Path, ...],
    data: tuple[Path, ...],
    calibration: Path | None,
    only: tuple[str, ...],
    trials: int,
    rounds: int,
    inferences: int,
    output: Path,
) -> None:
    """Make the study's table: every way to run the network, timed in turns on one thread.

    What was made before is kept in the output folder and used again while its sources are the same.
    MetaSchedule goes on from its database in build/metaschedule until that has --trials measurements.
    """
    from device_runtime.files import write_atomic
    from host.bench.measure import Pace
    from host.study import plot, schema, table
    from host.study.run import Request, Weights, run
    from host.targets.native import runs_here
    from lprnet.weights import DEFAULT, pruned

    target = load_target(name)
    if not runs_here(target):
        raise FatalError(f"target {name}", "this machine does not run its code", "use native")
    sources = [Weights("shipped", DEFAULT, pruned())]
    sources += [Weights("public" if path.suffix == ".pth" else path.stem, path, {}) for path in weights]
    request = Request(
        tuple(sources),
        target,
        data,
        calibration or SAMPLES,
        trials,
        Pace(rounds, inferences),
        only,
        output,
    )
    output.mkdir(parents=True, exist_ok=True)
    results = run(request, say)
    path = schema.write(output, results)
    text = table.markdown(results)
    write_atomic(output / "results.md", text.encode())
    write_atomic(output / "size.svg", plot.bars(results).encode())
    for dataset in results.datasets:
        write_atomic(output / f"{dataset}.svg", plot.scatter(results, dataset).encode())
    click.echo(text)
    say(f"written: {path}, and results.md and plots beside it")
