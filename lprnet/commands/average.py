"""`lprnet average`: several checkpoints → their mean."""

from __future__ import annotations

from pathlib import Path

import click

from lprnet.commands import options
from lprnet.commands.options import FILE


@click.command("average")
@click.argument("files", nargs=-1, required=True, type=FILE)
@options.output(FILE, "Checkpoint to write.")
def average_command(files: tuple[Path, ...], output: Path) -> None:
    """Average the weights of FILES, runs that went on from the same start."""
    from lprnet.network.average import average
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

    averaged = average([load_checkpoint(file) for file in files], [str(file) for file in files])
    save_checkpoint(output, averaged.state, averaged.alphabet, averaged.metadata)
