"""`lpr-host bench`: bundles and other runtimes, or pipelines, timed side by side on this machine."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.bench.isa import ISAS
from host.bench.pipelines.registry import PEERS as PIPELINES
from host.bench.runtimes import PEERS
from host.commands import options
from host.paths import CACHE, SAMPLES
from host.precision import PRECISIONS
from host.targets.read import load_target

LOG = logging.getLogger(__name__)

FRAMES = 24
"""Of a camera, that pipelines are counted on without --scenes; with it, as many of its photographs as 48."""
MOST_FRAMES = 48
TIMED_FRAMES = 6
PIPELINE_ROUNDS = 20
"""By default: a frame takes the peers a hundred times as long as a plate."""


@click.command("bench")
@click.option(
    "--pipeline",
    is_flag=True,
    help=f"Time whole pipelines instead, from a frame of 1080p to the text of its plate; "
    f"the peers are {', '.join(PIPELINES)}.",
)
@click.option(
    "--scenes",
    type=options.FOLDER,
    help="With --pipeline: folder of labelled photographs to make frames of; rendered ones by default.",
)
@click.option(
    "--peers",
    type=options.NamesType((*PEERS, *PIPELINES), or_none=True),
    metavar="NAME,…",
    help=f"Other runtimes, or `none`; by default {', '.join(PEERS)}.",
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
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=100,
    show_default=f"100, {PIPELINE_ROUNDS} with --pipeline",
    help="Turns for each.",
)
@click.option("--inferences", type=click.IntRange(1), default=10, show_default=True, help="Timed, per turn.")
@options.peers_python
@options.output("Where bench.json and bench.svg go, or pipelines.json", options.FOLDER, Path("build/bench"))
@click.pass_context
def bench_command(
    context: click.Context,
    pipeline: bool,
    scenes: Path | None,
    peers: tuple[str, ...] | None,
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
    turn by turn to ONNX Runtime fp32 with as many threads. With --pipeline they are taken to the fastest peer
    that finds as many plates.
    """
    if bundles and target:
        raise FatalError(f"--target {target}", "nothing is built with --bundle", "give one of them")
    if target:
        load_target(target)
    known = PIPELINES if pipeline else PEERS
    if strangers := [name for name in peers or () if name not in known]:
        todo = f"choose among {', '.join(known)}"
        raise FatalError(f"--peers {strangers[0]}", "is none of the peers here", todo)
    peers = tuple(known) if peers is None else peers
    if pipeline:
        options.refuse_others(context, _OF_PIPELINES, "does nothing with --pipeline")
        if not options.given(context, "rounds"):
            rounds = PIPELINE_ROUNDS
        _time_pipelines(scenes, peers, bundles, target or "native", rounds, output)
        return
    if scenes:
        raise FatalError(f"--scenes {scenes}", "is for whole pipelines", "add --pipeline, or leave it out")
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


_OF_PIPELINES = {"pipeline", "scenes", "peers", "bundles", "target", "rounds", "output"}


def _time_pipelines(
    scenes: Path | None,
    peers: tuple[str, ...],
    bundles: tuple[Path, ...],
    target: str,
    rounds: int,
    output: Path,
) -> None:
    from host.bench.measure import Pace
    from host.bench.pipelines import schema, table
    from host.bench.pipelines.bundle import built
    from host.bench.pipelines.frames import frames, rendered
    from host.bench.pipelines.run import PipelinesRequest, run
    from lprnet.data.photographs import read_photographs

    if len(bundles) > 1:
        raise FatalError(f"--bundle {bundles[1]}", "is the second one", "give one with --pipeline")
    request = PipelinesRequest(
        frames=frames(scenes.name, read_photographs(scenes), MOST_FRAMES) if scenes else rendered(FRAMES),
        bundle=bundles[0] if bundles else built(target, CACHE / "bench"),
        peers=peers,
        timed=TIMED_FRAMES,
        pace=Pace(rounds=rounds, warmup=1),
        cache=CACHE / "bench",
    )
    bench = run(request)
    path = output / schema.FILE
    schema.FORMAT.write(path, bench)
    click.echo(table.markdown(bench))
    LOG.info("written: %s", path)
