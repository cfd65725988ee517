"""`lpr-host prune`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from host.console import say
from host.prune.names import CRITERIA, OBJECTIVES
from host.targets.profile import PRECISIONS
from host.targets.read import load_target
from lprnet.commands.options import POSITIVE, Number

if TYPE_CHECKING:
    from host.kernels.microkernel import MicroKernel
    from host.prune.price import Price
    from host.prune.prune import FineTune
    from host.targets.profile import Target
    from lprnet.data.mixture import Batch, Mixture
    from lprnet.network.checkpoint import Checkpoint


_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
BATCHES, BATCH = 24, 32
"""What importance and BatchNorm statistics are measured on."""
SEED = 11


@click.command("prune")
@click.option("--target", "name", default="native", show_default=True, help="Profile name or .toml file.")
@click.option("--budget", help="Shares to keep, e.g. macs=0.3,size=0.25; of macs, size, latency.")
@click.option("--unstructured", type=Number(0, 1), help="Instead: share of weights to set to zero.")
@click.option("--weights", type=_FILE, help="Checkpoint to prune; the shipped one unless given.")
@click.option("--criterion", type=click.Choice(CRITERIA), default=CRITERIA[0], show_default=True)
@click.option("--precision", type=click.Choice(PRECISIONS), help="Of the latency; the recipe's unless given.")
@click.option("--multiple", type=click.IntRange(1), help="Channels go by so many.  [default: as kernels do]")
@click.option("--steps", type=click.IntRange(1, 100), default=1, show_default=True, help="Rounds of pruning.")
@click.option("--finetune", type=click.IntRange(0), default=0, show_default=True, help="Samples a round.")
@click.option("--rate", type=POSITIVE, default=1e-3, show_default=True, help="Highest learning rate.")
@click.option("--real", type=_FOLDER, multiple=True, help="Real crops to mix in, named by their text.")
@click.option("--real-fraction", type=Number(0, 1), default=0.25, show_default=True)
@click.option("--work", type=_FOLDER, help="Folder of the fine-tuning runs.  [default: OUTPUT.work]")
@click.option("--output", type=_FILE, required=True, help="Checkpoint; a .json of what was cut beside it.")
@one_line_errors
def prune_command(
    name: str,
    budget: str | None,
    unstructured: float | None,
    weights: Path | None,
    criterion: str,
    precision: str | None,
    multiple: int | None,
    steps: int,
    finetune: int,
    rate: float,
    real: tuple[Path, ...],
    real_fraction: float,
    work: Path | None,
    output: Path,
) -> None:
    """Remove channels from a checkpoint until it keeps a budget, and train what is left.

    After each round the BatchNorm statistics are measured again and, with --finetune, the network is trained
    on rendered plates (and --real ones) with the unpruned one for a teacher.
    """
    if (budget is None) == (unstructured is None):
        raise FatalError("what to prune", "not given once", "give --budget or --unstructured")
    if output.suffix != ".safetensors":
        raise FatalError(f"--output {output}", "is no checkpoint's name", "end it in .safetensors")
    shares = _shares(budget) if budget else {}
    target = load_target(name)

    from lprnet.data.dataset import check_labels, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.training.train import limit_threads
    from lprnet.weights import DEFAULT

    checkpoint = load_checkpoint(weights or DEFAULT)
    items = [item for folder in real for item in from_folder(folder)]
    check_labels(items, checkpoint.alphabet)
    limit_threads(1)
    mixture = Mixture(SEED, tuple((item.read(), item.text) for item in items), real_fraction)
    if unstructured is not None:
        _unstructured(checkpoint, unstructured, mixture, output)
        return

    import msgspec

    from device_runtime.files import write_atomic
    from host.kernels.select import microkernel_for
    from host.prune.prune import Plan, prune
    from lprnet.network.checkpoint import save_checkpoint

    microkernel = microkernel_for(target, precision or target.recipe.precision)
    plan = Plan(
        shares, _prices(checkpoint, target, microkernel), criterion, steps, multiple or microkernel.block
    )
    tune = _fine_tuning(checkpoint, mixture, finetune, rate, work or output.with_suffix(".work"))
    result = prune(checkpoint, plan, _batches(mixture, checkpoint), tune if finetune else None, say)
    metadata = {"pruned from": checkpoint.sha256, "budget": budget or ""}
    save_checkpoint(output, result.checkpoint.state, checkpoint.alphabet, metadata)
    report = output.with_suffix(".json")
    write_atomic(report, msgspec.json.format(msgspec.json.encode(result.cut), indent=1) + b"\n")
    for layer in result.cut.layers:
        rest = f" + {len(layer.context_only)} for its context" if layer.context_only else ""
        say(f"  {layer.name:<18}{layer.before:>4} → {len(layer.read)}{rest}")
    for objective, before in result.cut.before.items():
        after, unit = result.cut.after[objective], result.cut.units[objective]
        say(f"  {objective}: {before:,.0f} → {after:,.0f} {unit} ({after / before:.3f})")
    click.echo(str(output))


def _shares(budget: str) -> dict[str, float]:
    shares = {}
    for part in budget.split(","):
        name, _, value = part.strip().partition("=")
        if name not in OBJECTIVES or not re.fullmatch(r"0?\.\d+|1(\.0*)?", value) or not float(value):
            raise FatalError(
                f"--budget {budget}",
                f"{part.strip()!r} is not a share of {', '.join(OBJECTIVES)}",
                "write e.g. macs=0.3,size=0.25",
            )
        shares[name] = float(value)
    return shares


def _prices(checkpoint: Checkpoint, target: Target, microkernel: MicroKernel) -> dict[str, Price]:
    from host.lower.tuned import read_for
    from host.network.simplify import simplify
    from host.prune import price

    network = simplify(checkpoint)
    found = (
        price.macs(network),
        price.parameters(network),
        price.latency(network, microkernel, read_for(target)),
    )
    return dict(zip(OBJECTIVES, found, strict=True))


def _batches(mixture: Mixture, checkpoint: Checkpoint) -> list[Batch]:
    from lprnet.training.finetune import can_render

    if not can_render(checkpoint.alphabet) and (not mixture.real or mixture.real_fraction < 1):
        raise FatalError(
            "samples",
            "the alphabet lacks characters of rendered plates",
            "give --real and --real-fraction 1",
        )
    return [mixture.batch(i * BATCH, BATCH) for i in range(BATCHES)]


def _fine_tuning(
    checkpoint: Checkpoint, mixture: Mixture, samples: int, rate: float, folder: Path
) -> FineTune:
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.training.train import WEIGHTS, Budget, Settings, train

    settings = Settings(learning_rate=rate, warmup=50, ema=0.99, workers=1)

    def tune(step: int, pruned: Checkpoint) -> Checkpoint:
        # Other samples in every round, and other ones than importance was measured on.
        stream = replace(mixture, seed=mixture.seed + step)
        budget = Budget(samples=samples)
        run = folder / str(step)
        tuned = train(run, pruned.alphabet, stream, budget, settings, pruned.state, teacher=checkpoint)
        if int(load_checkpoint(run / WEIGHTS).metadata["samples"]) < samples:
            raise FatalError("fine-tuning", "was stopped", "run the same command again to go on")
        return tuned

    return tune


def _unstructured(checkpoint: Checkpoint, sparsity: float, mixture: Mixture, output: Path) -> None:
    from host.prune.recalibrate import recalibrate
    from host.prune.unstructured import compressed_size, prune_weights, sparsity_of
    from lprnet.network.checkpoint import save_checkpoint

    sparse = recalibrate(prune_weights(checkpoint, sparsity), _batches(mixture, checkpoint))
    metadata = {"pruned from": checkpoint.sha256, "unstructured": str(sparsity)}
    save_checkpoint(output, sparse.state, checkpoint.alphabet, metadata)
    sizes = [compressed_size(state) for state in (checkpoint.state, sparse.state)]
    zero = f"{sparsity_of(sparse.state):.3f} of the weights are zero"
    say(f"  {zero}; compressed {sizes[0]:,} → {sizes[1]:,} bytes")
    click.echo(str(output))
