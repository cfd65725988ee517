"""`lprnet locator mine`: frames → patches of what is no plate but looks like one."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from lprnet.commands import options as common
from lprnet.commands.locator import options
from lprnet.commands.options import FILE, SEED, Number

LOG = logging.getLogger(__name__)


@click.command("mine")
@common.weights("Weights of the locator")
@options.frames(required=True)
@options.held_out()
@common.output(FILE, "File of patches (.npz) to write.")
@click.option("--threshold", type=Number(0, 1), default=0.15, show_default=True, help="Lowest score.")
@click.option("--most", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of every random choice.")
def mine_command(
    weights: Path | None,
    frames: Path,
    held_out: tuple[str, ...],
    output: Path,
    threshold: float,
    most: int,
    seed: int,
) -> None:
    """Cut out what is taken for plates on frames whose plates are painted over."""
    from lprnet.console import track
    from lprnet.training.locator_mining import mine, painted, write_patches

    images = painted(options.completed_frames(frames, held_out, weights), seed)
    patches = mine(options.locator(weights), track(images, "mining", len(images)), threshold, most)
    write_patches(output, patches)
    LOG.info("%d patches on %d frames", len(patches), len(images))
