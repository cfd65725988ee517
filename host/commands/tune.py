"""`lpr-host tune`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from host.lower.tuned import Record, Records, describe_tile, path_of, read, write
from host.paths import TUNED
from host.targets.profile import PRECISIONS, Target
from host.targets.read import load_target
from host.tune.search import Progress, Runner, search
from host.tune.workload import workloads
from lprnet.commands.options import Number

RUNNERS = ("local", "rpc", "emulated")


@click.command("tune")
@click.option("--target", "name", default="native", show_default=True, help="Profile name or .toml file.")
@click.option(
    "--runner", type=click.Choice(RUNNERS), help="local if this machine runs the code, else emulated."
)
@click.option("--precision", type=click.Choice(PRECISIONS), help="The target's recipe unless given.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint; the shipped one unless given.")
@click.option("--rpc", "server", metavar="HOST:PORT", help="Board's RPC server, or a tracker with --key.")
@click.option("--key", help="Name under which such boards are registered with the tracker.")
@click.option(
    "--trials", type=click.IntRange(8), default=48, show_default=True, help="Per convolution, about."
)
@click.option(
    "--time", "minutes", type=Number(0), default=15, show_default=True, help="Minutes for all together."
)
@click.option("--again", is_flag=True, help="Measure anew what has a record by this runner.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Record file.  [default: targets/tuned/TARGET.json]"
)
@one_line_errors
def tune_command(
    name: str,
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
    """Search the register tile of every convolution and record the best.

    Records are written as they come: interrupted, the command goes on where it was.
    """
    target = load_target(name)
    path = output or path_of(target.name, TUNED)
    records = read(path) if path.exists() else Records(target.name)
    if records.target != target.name:
        raise FatalError(str(path), f"has records of {records.target}", f"choose a file for {target.name}")
    from host.network.simplify import simplify
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.weights import DEFAULT

    network = simplify(load_checkpoint(weights or DEFAULT))
    found = workloads(network, target, precision or target.recipe.precision)
    measure = make_runner(target, runner or default_runner(target), server, key)
    todo = {n: w for n, w in found.items() if again or not _done(records.of(w.key), measure)}
    click.echo(
        f"{target.name}: {len(found)} convolutions, {len(todo)} to tune with {measure.name} on {measure.cpu}",
        err=True,
    )
    end = time.monotonic() + 60 * minutes
    for i, (layer, workload) in enumerate(todo.items()):
        remaining = end - time.monotonic()
        if remaining <= 0:
            click.echo(f"time is up; {len(todo) - i} left for the next run", err=True)
            break
        deadline = time.monotonic() + remaining / (len(todo) - i)
        with _line(f"[{i + 1:2}/{len(todo)}] {layer:<18}") as show:
            record = search(workload, measure, trials, deadline, lambda p: show(_progress(p, measure)))
            show(_result(record))
        records = records.merge([record])
        write(path, records)
    click.echo(str(path))


def default_runner(target: Target) -> str:
    """`local` if this machine has all that *target* asks for, else `emulated`."""
    from host.targets.native import runs_here

    return "local" if runs_here(target) else "emulated"


def make_runner(target: Target, name: str, server: str | None, key: str | None) -> Runner:
    """The runner of that name.

    Raises `FatalError` when it cannot measure for *target*, or *server* is missing or not `HOST:PORT`.
    """
    if name == "emulated":
        from host.tune.emulated import EmulatedRunner

        return EmulatedRunner(target)
    from host.tune.timed import Address, LocalRunner, RpcRunner

    if name == "local":
        return LocalRunner(target)
    host, _, port = (server or "").rpartition(":")
    if not host or not port.isdigit():
        raise FatalError(
            "--rpc", f"{server!r} is no address", "give HOST:PORT, usually port 9090, tracker 9190"
        )
    return RpcRunner(target, Address(host, int(port), key))


def _done(record: Record | None, runner: Runner) -> bool:
    return record is not None and record.runner == runner.name


def _progress(progress: Progress, runner: Runner) -> str:
    best = _amount(progress.metric, runner.unit)
    return f"{progress.trials:3} tiles, best {describe_tile(progress.best)}: {best}"


def _result(record: Record) -> str:
    gain = 100 * (1 - record.metric / record.default)
    best = _amount(record.metric, record.unit)
    return f"{describe_tile(record.tile)}: {best}, {gain:.1f} % less than the default tile"


def _amount(value: float, unit: str) -> str:
    return f"{value / 1e3:.1f} µs" if unit == "ns" else f"{value / 1e6:.3f} M {unit}"


@contextmanager
def _line(start: str) -> Iterator[Callable[[str], None]]:
    """One line on standard error that is rewritten on a terminal, and printed once elsewhere."""
    last = ""

    def show(text: str) -> None:
        nonlocal last
        last = text
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{start} {text}", nl=False, err=True)

    yield show
    click.echo("" if sys.stderr.isatty() else f"{start} {last}", err=True)
