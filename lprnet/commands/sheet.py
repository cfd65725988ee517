"""`lprnet sheet`: rendered and real plates → a picture to look at, and figures to compare."""

from __future__ import annotations

from pathlib import Path

import click

from lprnet.commands import options
from lprnet.commands.options import FILE, FOLDER, UNSEEN, Number


@click.command("sheet")
@options.output(FILE, "PNG to write.")
@click.option("--count", type=click.IntRange(1, 2000), default=96, show_default=True, help="Plates.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=UNSEEN, show_default=True, help="Of every random choice."
)
@click.option("--strength", type=Number(0, 2), default=1.0, show_default=True, help="Of the distortion.")
@options.kind("Kind or mix; Chinese ones by default.")
@click.option("--real", type=FOLDER, multiple=True, help="Show real crops of this folder below.")
def sheet_command(
    output: Path, count: int, seed: int, strength: float, kind: str | None, real: tuple[Path, ...]
) -> None:
    """Draw rendered plates, beside real ones, as one picture to look at, and compare them in numbers."""
    import numpy as np

    from device_runtime.files import write_atomic
    from lprnet.console import table
    from lprnet.data.dataset import from_folder
    from lprnet.evaluation.appearance import MEASURES, summaries
    from lprnet.evaluation.sheet import beside, png, tile
    from lprnet.plates import render

    rendered = [render(seed, i, strength, kind).image for i in range(count)]
    picture, groups = tile(rendered), [(f"rendered {kind or ''}".strip(), rendered)]
    for folder in real:
        crops = [item.read() for item in from_folder(folder)]
        chosen = np.random.default_rng(seed).permutation(len(crops))[: max(count // 2, 8)]
        picture = beside(picture, tile([crops[i] for i in sorted(chosen)]))
        groups.append((folder.resolve().name, crops))
    table(("crops", "n", *MEASURES), summaries(groups), right={"n", *MEASURES})
    write_atomic(output, png(picture))
