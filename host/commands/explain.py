"""`lpr-host explain`: what becomes of the network on a target, and where its time goes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.targets.profile import Target
from lprnet.commands.options import foreign
from lprnet.console import table

if TYPE_CHECKING:
    from host.check.explain import Explanation, Kernel
    from lprnet.network.checkpoint import Source


@click.command("explain")
@options.target
@options.precision
@options.weights("the reader's")
@options.reader
@foreign()
@click.option("--locator", is_flag=True, help="The networks that find plates, instead of the one that reads.")
@options.as_json
def explain_command(
    target: Target,
    precision: str | None,
    weights: Path | None,
    reader: str | None,
    source: Source,
    locator: bool,
    as_json: bool,
) -> None:
    """Show the network before and after simplification, and kernel by kernel where its time goes."""
    from host.check.explain import explain, explain_locator
    from lprnet.locator.checkpoint import load_weights
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.weights import LOCATOR, READER, of_recipe

    if reader and (weights or locator):
        other = "--weights" if weights else "--locator"
        raise FatalError(f"{other} and --reader", "name two networks", "give one of them")
    precision = precision or target.recipe.precision
    if locator:
        explanation = explain_locator(load_weights(weights or LOCATOR), target, precision)
    else:
        checkpoint = load_checkpoint(weights or of_recipe(target.recipe.pruning, reader or READER), source)
        explanation = explain(checkpoint, target, precision)
    if as_json:
        click.echo(json.dumps(asdict(explanation)))
    else:
        _show(explanation)


def _show(e: Explanation) -> None:
    """Print the work before and after, a line a kernel, and what the figures mean."""
    click.echo(f"{e.target}, {e.microkernel} kernels\n")
    _show_work(e)
    click.echo()
    _show_kernels(e)
    click.echo()
    if e.measured:
        unit = e.measured if e.measured.startswith("µs") else f"thousand {e.measured}"
        click.echo(f"{_total(e) / 1e3:.1f} in all; cost: {unit}")
    else:
        click.echo("Nothing was measured: this machine does not run the code, nor is the target emulated.")
    if e.peak_share is not None:
        _show_peaks(e, e.peak_share)
    if any(kernel.tile and not kernel.tuned for kernel in e.kernels):
        click.echo(f"* default tile; `make target={e.target} tune` looks for a better one")


def _show_work(e: Explanation) -> None:
    headings = ("", "published", "simplified")
    both = (e.published, e.simplified)
    rows = [
        ("operations", *(str(sum(work.operations.values())) for work in both)),
        ("MACs", *(f"{work.macs / 1e6:.1f} M" for work in both)),
        ("parameters", *(f"{work.parameters:,}" for work in both)),
    ]
    table(headings, rows, right=headings[1:])
    for title, work in zip(headings[1:], both, strict=True):
        click.echo(f"{title}: " + ", ".join(f"{n} {kind}" for kind, n in work.operations.items()))


def _show_kernels(e: Explanation) -> None:
    headings = ("kernel", "M MAC", "weights", "maps", "tile", "cost", "share", "of peak")
    total = _total(e)
    table(headings, [_row(kernel, total) for kernel in e.kernels], right={*headings} - {"kernel", "tile"})


def _total(e: Explanation) -> float:
    return sum(kernel.cost or 0 for kernel in e.kernels)


def _row(kernel: Kernel, total: float) -> tuple[str, ...]:
    return (
        kernel.name,
        f"{kernel.macs / 1e6:.2f}" if kernel.macs else "",
        _kilobytes(kernel.constants),
        _kilobytes(kernel.moved),
        kernel.tile + (" *" if kernel.tile and not kernel.tuned else ""),
        "" if kernel.cost is None else f"{kernel.cost / 1e3:.1f}",
        "" if kernel.cost is None else f"{100 * kernel.cost / total:.1f} %",
        "" if kernel.peak_share is None else f"{100 * kernel.peak_share:.1f} %",
    )


def _show_peaks(e: Explanation, share: float) -> None:
    here = e.measured.startswith("µs")
    how = "a loop of nothing else makes on this core" if here else "the core's issue rates allow"
    unit = "G MAC/s" if here else "MAC a cycle"
    peaks = ", ".join(f"{peak:.1f} {unit} ({microkernel})" for microkernel, peak in e.peaks.items())
    click.echo(f"convolutions together: {100 * share:.1f} % of the peak")
    click.echo(f"peak: {peaks}: what {how}")
    click.echo("MACs are those of direct convolution over full borders. Kernels that need fewer, by Winograd")
    click.echo("or by leaving out the zeros of the border, may exceed 100 %.")


def _kilobytes(size: int) -> str:
    return f"{size / 1024:.1f}K" if size else ""
