"""`lprnet widen`: a checkpoint → one with more channels that computes the same."""

from __future__ import annotations

from pathlib import Path

import click

from lprnet.commands import options
from lprnet.commands.options import FILE, SEED


@click.command("widen")
@options.weights()
@click.option(
    "--to", multiple=True, required=True, help="LAYER=CHANNELS, e.g. block2.vertical=32 or wide=96."
)
@click.option("--seed", type=SEED, default=2, show_default=True, help="Of every random choice.")
@options.output(FILE, "Checkpoint to write.")
def widen_command(weights: Path | None, to: tuple[str, ...], seed: int, output: Path) -> None:
    """Add channels to a network, which computes the same until it is trained on."""
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
    from lprnet.network.widen import widen
    from lprnet.weights import DEFAULT

    start = load_checkpoint(weights or DEFAULT)
    metadata = start.lineage | {"widened from": start.sha256, "widened to": " ".join(to)}
    save_checkpoint(output, widen(start, to, seed), start.alphabet, metadata)
