"""`lpr-host results`: the study's table."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.paths import SAMPLES
from host.targets.profile import Target

LOG = logging.getLogger(__name__)


@click.command("results")
@options.target
@click.option(
    "--weights", multiple=True, type=options.FILE, help="Checkpoints beside the shipped one; repeatable."
)
@options.data()
@options.calibration
@click.option("--only", multiple=True, help="Part of the names of rows to keep; repeatable.")
@click.option(
    "--trials", type=click.IntRange(0), default=1024, show_default=True, help="Measurements of MetaSchedule."
)
@click.option("--rounds", type=click.IntRange(1), default=50, show_default=True, help="Turns for each row.")
@click.option("--inferences", type=click.IntRange(1), default=10, show_default=True, help="Timed, per turn.")
@options.output("Where the table and the plots go", options.FOLDER, Path("build/results"))
def results_command(
    target: Target,
    weights: tuple[Path, ...],
    data: tuple[Path, ...],
    calibration: Path | None,
    only: tuple[str, ...],
    trials: int,
    rounds: int,
    inferences: int,
    output: Path,
) -> None:
    """Make the study's table: all variants of the network, timed in turns on one thread.

    What was made before is kept in the output folder and used again while its sources are the same.
    MetaSchedule goes on from its database in build/metaschedule until that has --trials measurements.
    """
    from device_runtime.files import write_atomic
    from host.bench.measure import Pace
    from host.study import plot, schema, table
    from host.study.prepare import Weights
    from host.study.run import StudyRequest, run
    from host.targets.native import runs_here
    from lprnet.figure import svg
    from lprnet.weights import DEFAULT, pruned

    if not runs_here(target):
        raise FatalError(f"target {target.name}", "this machine does not run its code", "use native")
    sources = [Weights("shipped", DEFAULT, pruned())]
    sources += [Weights("public" if path.suffix == ".pth" else path.stem, path, {}) for path in weights]
    results = run(
        StudyRequest(
            weights=tuple(sources),
            target=target,
            data=data,
            calibration=calibration or SAMPLES,
            trials=trials,
            pace=Pace(rounds=rounds, inferences=inferences),
            only=only,
            folder=output,
        )
    )
    text, path = table.markdown(results), output / schema.FILE
    schema.FORMAT.write(path, results)
    write_atomic(output / "results.md", text.encode())
    write_atomic(output / "size.svg", svg(plot.bars(results)))
    for dataset in results.datasets:
        write_atomic(output / f"{dataset}.svg", svg(plot.scatter(results, dataset)))
    click.echo(text)
    LOG.info("written: %s, and results.md and plots beside it", path)
