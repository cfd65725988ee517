"""`lprnet train`: rendered plates and real crops → a checkpoint."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from device_runtime.errors import FatalError
from lprnet.commands import options
from lprnet.commands.options import FOLDER, POSITIVE, SEED, UNSEEN, Number

if TYPE_CHECKING:
    from lprnet.network.alphabet import ClassList

MEASURED = 300
"""Rendered plates that the network is measured on as it trains."""


@click.command("train")
@options.training
@click.option("--real", type=FOLDER, multiple=True, help="Folder of real crops named by their text.")
@click.option(
    "--real-fraction", type=Number(0, 1), default=0.2, show_default=True, help="Share of real samples."
)
@click.option(
    "--ramp",
    type=click.IntRange(min=0),
    default=60000,
    show_default=True,
    help="Samples until full distortion.",
)
@options.kind("Kind or mix of plates, e.g. eu; Chinese ones by default.")
@options.alphabet_option("the shipped checkpoint's")
@options.blank
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of every random choice.")
@click.option("--rate", type=POSITIVE, default=2e-3, show_default=True, help="Highest learning rate.")
@click.option(
    "--ema", type=Number(0, 1), default=0.999, show_default=True, help="Decay of the averaged weights."
)
@click.option(
    "--dropout", type=Number(0, 1, max_open=True), default=0.0, show_default=True, help="Probability."
)
@click.option(
    "--report", "reports", type=FOLDER, multiple=True, help="Labelled folder to measure, never trained on."
)
@click.option(
    "--report-minutes", type=POSITIVE, default=15.0, show_default=True, help="Between two measurements."
)
def train_command(
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
    real: tuple[Path, ...],
    real_fraction: float,
    ramp: int,
    kind: str | None,
    alphabet: ClassList | None,
    blank: str | None,
    seed: int,
    rate: float,
    ema: float,
    dropout: float,
    reports: tuple[Path, ...],
    report_minutes: float,
) -> None:
    """Train from scratch on rendered plates, with real crops mixed in."""
    from lprnet.data.dataset import check_labels, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.evaluation.evaluate import accuracies
    from lprnet.plates import render
    from lprnet.plates.kinds import alphabet_of, can_write
    from lprnet.threads import limit_threads
    from lprnet.training.loop import Run, train
    from lprnet.training.settings import Settings

    limit_threads(threads)
    group = options.processes(device)
    budget = options.budget(output, hours, until, samples)
    if blank and not alphabet:
        raise FatalError("--blank", "is about --alphabet", "give it, or leave --blank out")
    classes = alphabet.alphabet(blank) if alphabet else alphabet_of(kind)
    if not can_write(classes, kind):
        raise options.unwritable(f"--kind {kind or 'chinese'}")
    items = [item for folder in real for item in from_folder(folder, classes)]
    check_labels(items, classes)
    crops = tuple(item.sample for item in items)
    measured = {folder.name: [item.sample for item in from_folder(folder, classes)] for folder in reports}
    rendered = (render(UNSEEN, i, kind=kind) for i in range(MEASURED))
    measured["rendered"] = [(crop.image, crop.text) for crop in rendered]
    run = Run(
        folder=output,
        alphabet=classes,
        mixture=Mixture(
            seed=seed,
            real=crops,
            real_fraction=real_fraction,
            ramp=ramp,
            kind=kind,
            stock=options.recombination(crops, recombined),
            recombined=recombined,
        ),
        budget=budget,
        group=group,
        settings=Settings(
            batch=batch,
            learning_rate=rate,
            ema=ema,
            dropout=dropout,
            workers=workers,
            device=group.device,
            replay=replay,
            report_seconds=report_minutes * 60,
        ),
    )
    train(run, partial(accuracies, sets=measured))
