"""`lprnet locator sheet`: what the locator is trained on, to look at."""

from __future__ import annotations

from pathlib import Path

import click

from lprnet.commands import options as common
from lprnet.commands.locator import options
from lprnet.commands.options import FILE, SEED


@click.command("sheet")
@common.output(FILE, "PNG to write.")
@options.frames(required=False)
@click.option("--count", type=click.IntRange(1, 1000), default=32, show_default=True)
@click.option("--seed", type=SEED, default=1, show_default=True)
def sheet_command(output: Path, frames: Path | None, count: int, seed: int) -> None:
    """Draw scenes with their plates: exact corners green, boxes cyan, ignored plates red."""
    from device_runtime.files import write_atomic
    from lprnet.evaluation.locator_sheet import of_scenes
    from lprnet.evaluation.sheet import png
    from lprnet.scenes.frames import read_frames
    from lprnet.scenes.generator import Generator
    from lprnet.scenes.stock import Stock

    generator = Generator(seed, stock=Stock(seed), frames=read_frames(frames) if frames else ())
    write_atomic(output, png(of_scenes([generator.scene(i) for i in range(count)], 8)))
