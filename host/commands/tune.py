"""`lpr-host tune`: the fastest register tile of every convolution."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.targets.profile import Target
from lprnet.commands.options import Number

RUNNERS = ("local", "rpc", "emulated")
LOG = logging.getLogger(__name__)


@click.command("tune")
@options.target
@click.option(
    "--runner",
    type=click.Choice(RUNNERS),
    help="By default local if this machine runs the target's code, else emulated.",
)
@options.precision
@options.weights()
@click.option("--rpc", "server", metavar="HOST:PORT", help="Board's RPC server, or a tracker with --key.")
@click.option("--key", help="Name under which such boards are registered with the tracker.")
@click.option(
    "--trials", type=click.IntRange(8), default=48, show_default=True, help="Per convolution, about."
)
@click.option(
    "--time", "minutes", type=Number(0), default=15, show_default=True, help="Minutes for all together."
)
@click.option("--again", is_flag=True, help="Measure anew what has a record by this runner.")
@options.output("Record file", options.FILE, "targets/tuned/TARGET.json")
def tune_command(
    target: Target,
    runner: str | None,
    precision: str | None,
    weights: Path | None,
    server: str | None,
    key: str | None,
    trials: int,
    minutes: float,
    again: bool,
    output: Path | None,
) -> None:
    """Search the register tile of every convolution, the locator's too, and record the best.

    Records are written as they come: interrupted, the command goes on where it was.
    """
    from host.kernels.select import microkernel_for
    from host.lower.tuned import TUNING_RECORDS, Records, path_of
    from host.lower.workload import workloads
    from host.network.locator import find_graph, refine_graph
    from host.network.simplify import simplify
    from host.paths import TUNED
    from host.tune.run import run, untuned
    from host.tune.runners import AtSize, default_runner, make_runner
    from host.tune.search import Runner
    from host.tune.workload import HEIGHT, WIDTH, distinct, locator_workloads
    from lprnet.locator.checkpoint import load_weights
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.weights import LOCATOR, of_recipe

    path = output or path_of(target.name, TUNED)
    records = TUNING_RECORDS.read(path) if path.exists() else Records(target.name)
    if records.target != target.name:
        raise FatalError(str(path), f"has records of {records.target}", f"choose a file for {target.name}")
    network = simplify(load_checkpoint(weights or of_recipe(target.recipe.pruning)))
    microkernel = microkernel_for(target, precision or target.recipe.precision)
    found = workloads(network, microkernel)
    locator = load_weights(LOCATOR)
    find = find_graph(locator)
    found |= locator_workloads([find, refine_graph(locator)], microkernel)
    found = distinct(found)
    measure: Runner = make_runner(target, runner or default_runner(target), server, key)
    measure = AtSize(measure, {HEIGHT: find.height // find.grid, WIDTH: find.width // find.grid})
    todo = found if again else untuned(found, records, measure)
    LOG.info(
        "%s: %d convolutions, %d to tune with %s on %s",
        *(target.name, len(found), len(todo), measure.name, measure.cpu),
    )
    run(todo, measure, records, path, trials, minutes)
    click.echo(str(path))
