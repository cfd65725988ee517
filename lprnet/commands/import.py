"""`lprnet import`: anybody's LPRNet → a checkpoint that says all about itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from lprnet.commands import options
from lprnet.commands.options import FILE

if TYPE_CHECKING:
    from lprnet.network.checkpoint import Source


@click.command("import")
@click.argument("weights", type=FILE)
@options.foreign()
@options.output(FILE, "Checkpoint to write, a .safetensors file.")
def import_command(weights: Path, source: Source, output: Path) -> None:
    """Read the LPRNet in WEIGHTS, whoever trained it, and write it as this project's own."""
    if output.suffix != ".safetensors":
        raise FatalError(f"--output {output}", "is no checkpoint's name", "end it in .safetensors")
    from lprnet.network.alphabet import described
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(weights, source)
    metadata = {**checkpoint.metadata, "imported from": checkpoint.sha256}
    save_checkpoint(output, checkpoint.state, checkpoint.alphabet, metadata)
    alphabet = checkpoint.alphabet
    click.echo(
        f"{output}: {len(alphabet)} classes {described(alphabet.characters)}, "
        f"the blank is {alphabet.characters[alphabet.blank]} (class {alphabet.blank})"
    )
