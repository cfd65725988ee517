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
@click.argument("network", type=click.Choice(["find", "refine"]))
@common.run
@options.frames(required=False)
@options.held_out()
@click.option("--pictures", type=FOLDER, help="Folder of pictures without plates, for backgrounds.")
@click.option(
    "--faces", type=FOLDER, multiple=True, help="Folder of labelled crops of blue Chinese plates, as plates."
)
@click.option("--complete", type=FILE, help="Weights that look for plates without a label on --frames.")
@click.option("--mined", type=FILE, multiple=True, help="File that `lprnet locator mine` wrote.")
@click.option("--weights", type=FILE, help="Weights to start from instead of random ones.")
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of every random choice.")
@click.option("--rate", type=POSITIVE, default=3e-3, show_default=True, help="Highest learning rate.")
def train_command(
    network: str,
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
    faces: tuple[Path, ...],
    complete: Path | None,
    mined: tuple[Path, ...],
    weights: Path | None,
    seed: int,
    rate: float,
) -> None:
    """Train one of the two networks on composed scenes; without folders, on drawn backgrounds only.

    `find` learns to find plates, `refine` to verify what `find` finds and where its corners are.
    """
    from lprnet.locator.checkpoint import load_weights
    from lprnet.locator.locate import in_torch
    from lprnet.scenes.frames import Frame, read_frames, read_pictures
    from lprnet.scenes.generator import Generator
    from lprnet.scenes.real import read_faces
    from lprnet.scenes.stock import Stock
    from lprnet.threads import limit_threads
    from lprnet.training.locator import Settings, find_task, refine_task, train
    from lprnet.training.locator_mining import read_patches
    from lprnet.training.views import EACH, ViewGenerator

    if frames is None and (held_out or complete):
        raise FatalError("--hold-out, --complete", "are about frames", "give --frames or leave them out")
    if network == "refine" and weights is None:
        raise FatalError("refine", "is trained on what find finds", "give --weights with a trained find")
    if network == "refine" and batch % EACH:
        raise FatalError(f"--batch {batch}", f"is no multiple of {EACH}", "a scene has so many views")
    limit_threads(threads)
    group = common.processes(device)
    budget = common.budget(output, hours, until, samples)
    real: tuple[Frame, ...] = ()
    if frames is not None and complete is not None:
        real = options.completed_frames(frames, held_out, complete)
    elif frames is not None:
        real = read_frames(frames, held_out)
    generator = Generator(
        seed,
        stock=Stock(seed, real=tuple(face for folder in faces for face in read_faces(folder))),
        frames=real,
        pictures=read_pictures(pictures) if pictures else (),
        found=tuple(patch for file in mined for patch in read_patches(file)),
    )
    counts = len(generator.frames), len(generator.pictures), len(generator.found), len(generator.stock.real)
    LOG.info("%d frames, %d pictures, %d mined patches, %d real plates", *counts)
    settings = Settings(batch=batch, learning_rate=rate, workers=workers, device=group.device)
    initial = load_weights(weights) if weights else None
    state = initial.state_dict() if initial else None
    metadata = {"seed": str(seed), "frames held out": " ".join(held_out)}
    if network == "find":
        train(output, find_task(generator), budget, settings, seed, state, metadata, group)
        return
    assert initial is not None
    task = refine_task(ViewGenerator.of(generator, in_torch(initial.find)))
    train(output, task, budget, settings, seed, state, metadata, group)
