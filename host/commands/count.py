"""`lpr-host count`: instructions of bundles and other runtimes on emulated ARM boards."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from host.bench.runtimes import ARM_PEERS
from host.commands import options
from host.paths import CACHE, SAMPLES

PRECISIONS = ("fp32", "fp16", "int8")

LOG = logging.getLogger(__name__)


@click.command("count")
@click.option(
    "--pipeline",
    is_flag=True,
    help="Count what the shipped bundles do instead, from a frame of 1080p to the text of its plate.",
)
@click.option(
    "--peers",
    type=options.NamesType(ARM_PEERS, or_none=True),
    metavar="NAME,…",
    default=",".join(ARM_PEERS),
    show_default=True,
    help="Other runtimes, or `none`.",
)
@click.option(
    "--precisions",
    type=options.NamesType(PRECISIONS),
    metavar="NAME,…",
    default=",".join(PRECISIONS),
    show_default=True,
    help="Those to count.",
)
@options.weights("the shipped one")
@options.calibration
@options.peers_python
@options.output("Where count.json goes, or count-pipeline.json", options.FOLDER, Path("build/bench"))
@click.pass_context
def count_command(
    context: click.Context,
    pipeline: bool,
    peers: tuple[str, ...],
    precisions: tuple[str, ...],
    weights: Path | None,
    calibration: Path | None,
    python: Path,
    output: Path,
) -> None:
    """Count the instructions of one inference on emulated ARM cores, of bundles and of other runtimes.

    Batch 1, one thread, a Cortex-A72 (rpi4) and a Cortex-A76 (rpi5). Counts are exact, and the same on any
    machine; cycles are estimated from them. With --pipeline the interpreter, NumPy and OpenCV count too.
    """
    if pipeline:
        options.refuse_others(context, {"pipeline", "output"}, "does nothing with --pipeline")
        _count_pipeline(output)
        return
    from host.bench.instructions import schema
    from host.bench.instructions.run import InstructionRequest, run
    from host.bench.instructions.table import markdown
    from lprnet.weights import DEFAULT

    request = InstructionRequest(
        peers=peers,
        precisions=precisions,
        weights=weights or DEFAULT,
        calibration=calibration or SAMPLES,
        python=python,
        cache=CACHE / "bench",
    )
    bench, path = run(request), output / schema.FILE
    schema.FORMAT.write(path, bench)
    click.echo(markdown(bench))
    LOG.info("written: %s", path)


def _count_pipeline(output: Path) -> None:
    from host.bench.instructions import schema
    from host.bench.instructions.pipeline import TARGETS, run
    from host.bench.instructions.table import pipeline_markdown
    from host.bench.pipelines.bundle import built
    from host.bench.pipelines.frames import rendered

    bundles = {name: built(name, CACHE / "bench") for name in TARGETS}
    counts, path = run(bundles, rendered(1).images[0]), output / schema.PIPELINE_FILE
    schema.PIPELINE_FORMAT.write(path, counts)
    click.echo(pipeline_markdown(counts))
    LOG.info("written: %s", path)
