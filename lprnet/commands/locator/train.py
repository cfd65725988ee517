"""`lprnet locator train`: composed scenes → weights."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from device_runtime.errors import FatalError
from lprnet.commands import options as common
from lprnet.commands.locator import options
from lprnet.commands.options import FILE, FOLDER, POSITIVE, SEED

LOG = logging.getLogger(__name__)


@click.command("train")
@common.run
@options.frames(required=False)
@options.held_out()
@click.option("--pictures", type=FOLDER, help="Folder of pictures without plates, for backgrounds.")
@click.option("--complete", type=FILE, help="Weights that look for plates without a label on --frames.")
@click.option("--mined", type=FILE, multiple=True, help="File that `lprnet locator mine` wrote.")
@click.option("--weights", type=FILE, help="Weights to start from instead of random ones.")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of every random choice.")
@click.option("--rate", type=POSITIVE, default=3e-3, show_default=True, help="Highest learning rate.")
def train_command(
    output: Path,
    hours: float | None,
    until: str | None,
    samples: int | None,
    batch: int,
    workers: int,
    threads: int,
    device: str,
    frames: Path | None,
    held_out: tuple[str, ...],
    pictures: Path | None,
    complete: Path | None,
    mined: tuple[Path, ...],
    weights: Path | None,
    seed: int,
    rate: float,
) -> None:
    """Train on composed scenes; without folders, on drawn backgrounds only."""
    from lprnet.locator.checkpoint import load_weights
    from lprnet.scenes.frames import Frame, read_frames, read_pictures
    from lprnet.scenes.generator import Generator
    from lprnet.scenes.stock import Stock
    from lprnet.threads import limit_threads
    from lprnet.training.locator import Settings, find_task, train
    from lprnet.training.locator_mining import read_patches

    if frames is None and (held_out or complete):
        raise FatalError("--hold-out, --complete", "are about frames", "give --frames or leave them out")
    limit_threads(threads)
    budget = common.budget(output, hours, until, samples)
    real: tuple[Frame, ...] = ()
    if frames is not None and complete is not None:
        real = options.completed_frames(frames, held_out, complete)
    elif frames is not None:
        real = read_frames(frames, held_out)
    generator = Generator(
        seed,
        stock=Stock(seed),
        frames=real,
        pictures=read_pictures(pictures) if pictures else (),
        found=tuple(patch for file in mined for patch in read_patches(file)),
    )
    counts = len(generator.frames), len(generator.pictures), len(generator.found)
    LOG.info("%d frames, %d pictures, %d mined patches", *counts)
    settings = Settings(batch=batch, learning_rate=rate, workers=workers, device=device)
    initial = load_weights(weights).state_dict() if weights else None
    metadata = {"seed": str(seed), "frames held out": " ".join(held_out)}
    train(output, find_task(generator), budget, settings, seed, initial, metadata)
