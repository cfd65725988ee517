"""What pruning measures importance on, and how it trains what is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device_runtime.errors import FatalError
from host.prune.prune import FineTune
from lprnet.data.mixture import Batch, Mixture
from lprnet.network.checkpoint import Checkpoint, load_checkpoint
from lprnet.plates.kinds import can_write
from lprnet.training.loop import Run, train
from lprnet.training.settings import Budget, Settings
from lprnet.training.state import WEIGHTS

BATCHES, BATCH = 24, 32
"""How many batches of how many samples importance and BatchNorm statistics are measured on."""


def measuring_batches(mixture: Mixture, checkpoint: Checkpoint) -> list[Batch]:
    """The first samples of *mixture*, to measure importance and BatchNorm statistics on.

    Raises:
        FatalError: they have rendered plates that *checkpoint* has not the characters of.
    """
    if not can_write(checkpoint.alphabet, mixture.kind) and (not mixture.real or mixture.real_fraction < 1):
        raise FatalError(
            "samples",
            "the alphabet lacks characters of rendered plates",
            "choose another --kind, or give --real and --real-fraction 1",
        )
    return [mixture.batch(i * BATCH, BATCH) for i in range(BATCHES)]


def fine_tuning(
    checkpoint: Checkpoint, mixture: Mixture, samples: int, rate: float, folder: Path
) -> FineTune:
    """Training on *samples* of *mixture* a round, with the unpruned *checkpoint* for a teacher.

    Args:
        rate: the highest learning rate.
        folder: a run for each round is kept here, and goes on if it was stopped.
    """
    settings = Settings(learning_rate=rate, warmup=50, ema=0.99, workers=1)

    def tune(number: int, pruned: Checkpoint) -> Checkpoint:
        # Other samples in every round, and other ones than importance was measured on.
        run = Run(
            folder=folder / str(number),
            alphabet=pruned.alphabet,
            mixture=replace(mixture, seed=mixture.seed + number),
            budget=Budget(samples=samples),
            settings=settings,
            initial=pruned.state,
            teacher=checkpoint,
        )
        tuned = train(run)
        if int(load_checkpoint(run.folder / WEIGHTS).metadata["samples"]) < samples:
            raise FatalError("fine-tuning", "was stopped", "run the same command again to go on")
        return tuned

    return tune
