"""`lpr-host prune`: a checkpoint and a budget → a smaller checkpoint."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.prune.names import CRITERIA, OBJECTIVES
from host.targets.profile import Target
from lprnet.commands.options import POSITIVE, Number, kind

if TYPE_CHECKING:
    from host.prune.prune import Cut
    from lprnet.data.mixture import Mixture
    from lprnet.network.checkpoint import Checkpoint

LOG = logging.getLogger(__name__)
SEED = 11
"""Of the rendered samples."""


@click.command("prune")
@options.target
@click.option("--budget", help="Shares to keep, e.g. macs=0.3,size=0.25; of macs, size, latency.")
@click.option("--unstructured", type=Number(0, 1), help="Instead: share of weights to set to zero.")
@options.weights("the shipped one")
@click.option("--criterion", type=click.Choice(CRITERIA), default=CRITERIA[0], show_default=True)
@options.precision
@click.option("--multiple", type=click.IntRange(1), help="Channels go by so many; by default as kernels do.")
@click.option("--rounds", type=click.IntRange(1, 100), default=1, show_default=True, help="Of pruning.")
@click.option("--finetune", type=click.IntRange(0), default=0, show_default=True, help="Samples a round.")
@click.option("--rate", type=POSITIVE, default=1e-3, show_default=True, help="Highest learning rate.")
@click.option("--real", type=options.FOLDER, multiple=True, help="Real crops to mix in, named by their text.")
@click.option("--real-fraction", type=Number(0, 1), default=0.25, show_default=True)
@kind("Kind or mix of the rendered plates, e.g. latin; Chinese ones by default.")
@click.option("--work", type=options.FOLDER, help="Folder of the fine-tuning runs; OUTPUT.work by default.")
@options.output("Checkpoint, and beside it a .json of what was cut", options.FILE, required=True)
def prune_command(
    target: Target,
    budget: str | None,
    unstructured: float | None,
    weights: Path | None,
    criterion: str,
    precision: str | None,
    multiple: int | None,
    rounds: int,
    finetune: int,
    rate: float,
    real: tuple[Path, ...],
    real_fraction: float,
    kind: str | None,
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

    from lprnet.data.dataset import check_labels, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.threads import limit_threads
    from lprnet.weights import DEFAULT

    checkpoint = load_checkpoint(weights or DEFAULT)
    items = [item for folder in real for item in from_folder(folder, checkpoint.alphabet)]
    check_labels(items, checkpoint.alphabet)
    limit_threads(1)
    crops = tuple(item.sample for item in items)
    mixture = Mixture(SEED, real=crops, real_fraction=real_fraction, kind=kind)
    if unstructured is not None:
        _unstructured(checkpoint, unstructured, mixture, output)
        return

    import msgspec

    from device_runtime.files import write_atomic
    from host.kernels.select import microkernel_for
    from host.lower.tuned import read_for
    from host.network.simplify import simplify
    from host.prune.finetune import fine_tuning, measuring_batches
    from host.prune.price import prices
    from host.prune.prune import Plan, prune
    from lprnet.network.checkpoint import save_checkpoint

    microkernel = microkernel_for(target, precision or target.recipe.precision)
    plan = Plan(
        shares=shares,
        prices=prices(simplify(checkpoint), microkernel, read_for(target)),
        criterion=criterion,
        rounds=rounds,
        multiple=multiple or microkernel.block,
    )
    tune = fine_tuning(checkpoint, mixture, finetune, rate, work or output.with_suffix(".work"))
    result = prune(checkpoint, plan, measuring_batches(mixture, checkpoint), tune if finetune else None)
    metadata = {"pruned from": checkpoint.sha256, "budget": budget or ""}
    save_checkpoint(output, result.checkpoint.state, checkpoint.alphabet, metadata)
    report = output.with_suffix(".json")
    write_atomic(report, msgspec.json.format(msgspec.json.encode(result.cut), indent=1) + b"\n")
    _log_cut(result.cut)
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


def _log_cut(cut: Cut) -> None:
    for layer in cut.layers:
        rest = f" + {len(layer.context_only)} for its context" if layer.context_only else ""
        LOG.info("  %-18s%4d → %d%s", layer.name, layer.before, len(layer.read), rest)
    for objective, before in cut.before.items():
        after = cut.after[objective]
        change = f"{before:,.0f} → {after:,.0f} {cut.units[objective]} ({after / before:.3f})"
        LOG.info("  %s: %s", objective, change)


def _unstructured(checkpoint: Checkpoint, sparsity: float, mixture: Mixture, output: Path) -> None:
    from host.prune.finetune import measuring_batches
    from host.prune.recalibrate import recalibrate
    from host.prune.unstructured import compressed_size, prune_weights, sparsity_of
    from lprnet.network.checkpoint import save_checkpoint

    sparse = recalibrate(prune_weights(checkpoint, sparsity), measuring_batches(mixture, checkpoint))
    metadata = {"pruned from": checkpoint.sha256, "unstructured": str(sparsity)}
    save_checkpoint(output, sparse.state, checkpoint.alphabet, metadata)
    before, after = (compressed_size(state) for state in (checkpoint.state, sparse.state))
    zero = f"{sparsity_of(sparse.state):.3f} of the weights are zero"
    LOG.info("  %s; compressed %s → %s bytes", zero, f"{before:,}", f"{after:,}")
    click.echo(str(output))
