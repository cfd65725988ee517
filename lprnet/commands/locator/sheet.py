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
@click.option("--views", is_flag=True, help="Views, as `train refine` has them, instead of scenes.")
@common.weights("Weights of the locator whose candidates the views are of")
@click.option("--seed", type=SEED, default=1, show_default=True)
def sheet_command(
    output: Path, frames: Path | None, count: int, views: bool, weights: Path | None, seed: int
) -> None:
    """Draw scenes with their plates: exact corners green, boxes cyan, ignored plates red."""
    from device_runtime.files import write_atomic
    from lprnet.evaluation.locator_sheet import of_scenes
    from lprnet.evaluation.sheet import png
    from lprnet.scenes.frames import read_frames
    from lprnet.scenes.generator import Generator
    from lprnet.scenes.stock import Stock
    from lprnet.training.views import EACH, ViewGenerator

    generator = Generator(seed, stock=Stock(seed), frames=read_frames(frames) if frames else ())
    if views:
        of_scene = ViewGenerator.of(generator, options.locator(weights).find).of_scene
        scenes = [view.as_scene() for i in range(-(-count // EACH)) for view in of_scene(i)][:count]
    else:
        scenes = [generator.scene(i) for i in range(count)]
    write_atomic(output, png(of_scenes(scenes, 8)))
