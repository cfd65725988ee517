"""`lprnet finetune`: a checkpoint and your own plates → a checkpoint that reads them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from lprnet.commands import options
from lprnet.commands.options import FILE, FOLDER, POSITIVE, SEED, Number

if TYPE_CHECKING:
    from lprnet.network.checkpoint import Source


@click.command("finetune")
@click.option(
    "--data",
    type=FOLDER,
    multiple=True,
    help="Folder of crops; the file name is the label. Without one all plates are rendered.",
)
@click.option("--labels", type=FILE, help="CSV with rows file,label instead of file names.")
@options.weights()
@click.option("--teacher", type=FILE, help="Checkpoint with the same classes to distil from.")
@click.option(
    "--distillation",
    type=POSITIVE,
    help="Weight of the teacher's classes beside the labels' 1; 1 by default.",
)
@options.foreign("the checkpoint's")
@options.kind()
@options.training
@click.option(
    "--held-out", type=Number(0, 0.9), default=0.1, show_default=True, help="Share to measure on instead."
)
@click.option(
    "--rendered-fraction", type=Number(0, 1), help="Rendered samples; 0.5 by default where they fit."
)
@click.option(
    "--located",
    type=Number(0, 1),
    default=0.0,
    show_default=True,
    help="Samples as a locator cuts them out, some of what is no plate; before all other shares.",
)
@click.option(
    "--shrunk",
    type=Number(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the other samples that have fewer pixels, as plates far away.",
)
@click.option(
    "--boxed",
    type=Number(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the rendered plates that are cut out by upright boxes, as other detectors do.",
)
@click.option(
    "--two-rows",
    type=Number(0, 1),
    default=0.25,
    show_default=True,
    help="Share of the plates of --located that have two rows, where there are such.",
)
@click.option("--frames", type=FOLDER, help="Photographs with boxed plates, for --located.")
@click.option("--hold-out", "held_rides", multiple=True, help="Ride whose frames are left out.")
@click.option("--mined", type=FILE, help="What `lprnet locator mine` found that is no plate, for --located.")
@click.option("--ramp", type=click.IntRange(min=0), default=0, help="Samples until full distortion.")
@click.option("--rate", type=POSITIVE, default=3e-4, show_default=True, help="Highest learning rate.")
@click.option("--seed", type=SEED, default=2, show_default=True, help="Of every random choice.")
@click.option(
    "--pool", type=click.IntRange(0), default=0, help="Draw so many samples once and go through them again."
)
def finetune_command(
    data: tuple[Path, ...],
    labels: Path | None,
    weights: Path | None,
    teacher: Path | None,
    distillation: float | None,
    source: Source,
    kind: str | None,
    output: Path,
    hours: float | None,
    until: str | None,
    samples: int | None,
    recombined: float,
    replay: int,
    batch: int,
    workers: int,
    threads: int,
    device: str,
    held_out: float,
    rendered_fraction: float | None,
    located: float,
    shrunk: float,
    boxed: float,
    two_rows: float,
    frames: Path | None,
    held_rides: tuple[str, ...],
    mined: Path | None,
    ramp: int,
    rate: float,
    seed: int,
    pool: int,
) -> None:
    """Train on from a checkpoint with your own plates."""
    from lprnet.data.dataset import check_labels, from_csv, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.data.split import Split, split
    from lprnet.evaluation.evaluate import accuracies
    from lprnet.network.checkpoint import load_checkpoint, load_to_train
    from lprnet.network.with_alphabet import with_alphabet
    from lprnet.plates.kinds import can_write
    from lprnet.scenes.crops import APART, Crops
    from lprnet.scenes.frames import read_frames
    from lprnet.threads import limit_threads
    from lprnet.training.locator_mining import read_patches
    from lprnet.training.loop import Run, train
    from lprnet.training.settings import Settings
    from lprnet.weights import DEFAULT

    if distillation is not None and teacher is None:
        raise FatalError("--distillation", "there is no teacher to weigh", "give a --teacher or leave it out")
    if pool and replay:
        raise FatalError("--replay", "draws all the time, --pool once", "give one of them")
    limit_threads(threads)
    group = options.processes(device)
    budget = options.budget(output, hours, until, samples)
    start, classes = load_to_train(weights or DEFAULT, source)
    if labels and len(data) != 1:
        raise FatalError("--labels", "is for one folder", "give one --data, or name files by their labels")
    if not data and rendered_fraction is None:
        rendered_fraction = 1.0
    if not data and rendered_fraction != 1:
        why = "without --data all plates are rendered"
        raise FatalError(f"--rendered-fraction {rendered_fraction}", why, "give --data, or leave it out")
    items = (
        from_csv(labels, data[0])
        if labels
        else [item for folder in data for item in from_folder(folder, classes)]
    )
    check_labels(items, classes)
    if not can_write(classes, kind):
        if rendered_fraction or kind:
            raise options.unwritable(f"--kind {kind}" if kind else f"--rendered-fraction {rendered_fraction}")
        rendered_fraction = 0.0
    elif rendered_fraction is None:
        rendered_fraction = 0.5
    parts = split(items, held_out) if data else Split([], [])
    crops = tuple(item.sample for item in parts.train)
    if not located and (frames or held_rides or mined):
        raise FatalError("--frames, --hold-out, --mined", "are for --located", "give it, or leave them out")
    if held_rides and frames is None:
        raise FatalError("--hold-out", "is about frames", "give --frames or leave it out")
    donors = options.recombination(crops, recombined)
    elsewhere = Crops(
        read_frames(frames, held_rides) if frames else (),
        # Real texts are few, and soon known by heart: half of the plates are recombined ones.
        real=crops + (donors.some(len(crops), seed) if located and donors else ()),
        found=read_patches(mined) if mined else (),
        two_rows=two_rows,
        kind=kind,
        boxed=boxed,
        apart=APART,
    )
    measured = {"held out": [item.sample for item in parts.held_out]} if parts.held_out else {}
    taught_by = load_checkpoint(teacher) if teacher else None
    metadata = start.lineage | {"started from": start.sha256}
    if taught_by:
        metadata["distilled from"] = taught_by.sha256
    run = Run(
        folder=output,
        alphabet=classes,
        mixture=Mixture(
            seed=seed,
            real=crops,
            real_fraction=1 - rendered_fraction,
            ramp=ramp,
            kind=kind,
            stock=donors,
            recombined=recombined,
            located=elsewhere if located else None,
            located_fraction=located,
            shrunk=shrunk,
            boxed=boxed,
        ),
        budget=budget,
        settings=Settings(
            batch=batch,
            learning_rate=rate,
            ema=0.995,
            distillation=1.0 if distillation is None else distillation,
            workers=workers,
            device=group.device,
            replay=replay,
            pool=pool,
        ),
        group=group,
        initial=with_alphabet(start, classes, seed),
        teacher=taught_by,
        metadata=metadata,
    )
    train(run, partial(accuracies, sets=measured))
