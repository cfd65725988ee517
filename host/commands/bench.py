"""`lpr-host bench`: bundles and other runtimes, timed side by side on this machine."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.bench.isa import ISAS
from host.bench.runtimes import PEERS
from host.commands import options
from host.paths import CACHE, SAMPLES
from host.precision import PRECISIONS
from host.targets.read import load_target

LOG = logging.getLogger(__name__)


@click.command("bench")
@click.option(
    "--peers",
    type=options.NamesType(PEERS, or_none=True),
    metavar="NAME,…",
    default=",".join(PEERS),
    show_default=True,
    help="Other runtimes, or `none`.",
)
@click.option(
    "--precisions",
    type=options.NamesType(tuple(PRECISIONS)),
    metavar="NAME,…",
    default="fp32,int8",
    show_default=True,
    help=f"Of {', '.join(PRECISIONS)}.",
)
@click.option(
    "--threads",
    type=options.CountsType(),
    metavar="N,…",
    default="1",
    show_default=True,
    help="Each gives rows of its own.",
)
@options.weights("the shipped one")
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    type=options.FOLDER,
    help="Bundle to time, instead of building one; repeatable.",
)
@click.option("--target", help="Build for this; native by default, x86-64-v3 with --isa avx2.")
@click.option(
    "--isa", type=click.Choice(ISAS), default="native", show_default=True, help="Limits all runtimes."
)
@options.data()
@options.calibration
@click.option("--rounds", type=click.IntRange(1), default=100, show_default=True, help="Turns for each.")
@click.option("--inferences", type=click.IntRange(1), default=10, show_default=True, help="Timed, per turn.")
@options.peers_python
@options.output("Where bench.json and bench.svg go", options.FOLDER, Path("build/bench"))
def bench_command(
    peers: tuple[str, ...],
    precisions: tuple[str, ...],
    threads: tuple[int, ...],
    weights: Path | None,
    bundles: tuple[Path, ...],
    target: str | None,
    isa: str,
    data: tuple[Path, ...],
    calibration: Path | None,
    rounds: int,
    inferences: int,
    python: Path,
    output: Path,
) -> None:
    """Time bundles and other runtimes, interleaved and one at a time, and compare their accuracy.

    Every runtime has a process of its own, confined to the same CPUs. They take turns; ratios are taken
    turn by turn to ONNX Runtime fp32 with as many threads.
    """
    if bundles and target:
        raise FatalError(f"--target {target}", "nothing is built with --bundle", "give one of them")
    if target:
        load_target(target)
    from device_runtime.files import write_atomic
    from host.bench import plot, schema, table
    from host.bench.measure import Pace
    from host.bench.run import BenchRequest, run
    from lprnet.figure import svg
    from lprnet.weights import DEFAULT

    request = BenchRequest(
        peers=peers,
        precisions=precisions,
        threads=threads,
        weights=weights or DEFAULT,
        bundles=bundles,
        target=target or ("x86-64-v3" if isa == "avx2" else "native"),
        isa=isa,
        data=data,
        calibration=calibration or SAMPLES,
        pace=Pace(rounds=rounds, inferences=inferences),
        python=python,
        cache=CACHE / "bench",
    )
    bench = run(request)
    path, picture = output / schema.FILE, output / "bench.svg"
    schema.FORMAT.write(path, bench)
    write_atomic(picture, svg(plot.bars(bench)))
    click.echo(table.markdown(bench))
    LOG.info("written: %s, %s", path, picture)
