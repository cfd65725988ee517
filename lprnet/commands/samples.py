"""`lprnet samples`: rendered plates as files."""

from __future__ import annotations

from pathlib import Path

import click

from lprnet.commands import options
from lprnet.commands.options import FOLDER, UNSEEN


@click.command("samples")
@options.output(FOLDER, "Folder for TEXT.png files.")
@click.option("--count", type=click.IntRange(1, 5000), default=60, show_default=True, help="Plates.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=UNSEEN + 1,
    show_default=True,
    help="Of every random choice.",
)
@options.kind("Kind or mix; every Chinese kind by default.")
def samples_command(output: Path, count: int, seed: int, kind: str | None) -> None:
    """Write sample plates, named by their text."""
    from lprnet.plates.samples import sample_plates, write_samples

    write_samples(output, sample_plates(seed, count, kind))
