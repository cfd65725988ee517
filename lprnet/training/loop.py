"""Training: CTC on a mixture of rendered and real crops, resumable at any interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from device_runtime.errors import FatalError
from lprnet.data.loader import batches
from lprnet.data.mixture import Batch, Mixture
from lprnet.data.pool import Pool, fill
from lprnet.data.replay import replayed
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import LPRNet
from lprnet.training.forward import forward, teach
from lprnet.training.losses import ctc_loss, distillation_loss, well_taught
from lprnet.training.processes import ALONE, Group
from lprnet.training.running import METRICS, WINDOW, Metrics, make_folder, stoppable
from lprnet.training.settings import Budget, Settings, learning_rate
from lprnet.training.state import STATE, State, descend, new_state, resume, save_state
from lprnet.training.variation import varied

POOL = "pool"
"""In a run's folder: the files of a pool."""
APART = 1 << 34
"""Samples between the first ones of two processes that draw at their own pace."""
Report = Callable[[Checkpoint], Mapping[str, float]]
"""Measures the averaged weights; the result goes to the metrics."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run.

    Attributes:
        folder: for the run's files (`STATE`, `METRICS`, `WEIGHTS`, `POOL`).
        alphabet: the classes.
        mixture: training samples.
        budget: how long.
        settings: the rest.
        initial: weights to start from instead of random ones.
        teacher: a network with the same classes whose logits are learnt besides the labels, where it reads
            what they say.
        metadata: goes into the checkpoint.
        group: the processes that train together; `Settings.batch` samples a step are all theirs, and
            `Settings.device` is this one's.
    """

    folder: Path
    alphabet: Alphabet
    mixture: Mixture
    budget: Budget
    settings: Settings
    initial: Mapping[str, Tensor] | None = None
    teacher: Checkpoint | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    group: Group = ALONE


def train(run: Run, report: Report | None = None) -> Checkpoint:
    """Train until the budget is used up or the process is asked to stop, and return the averaged weights.

    A run whose folder has a state goes on from it. The last state is at most `save_seconds` old when the
    process is killed, and current when it is stopped by SIGINT or SIGTERM.

    Raises:
        FatalError: the folder cannot be written, its state is damaged or of another alphabet, or the teacher
            has other classes, or the processes cannot share a batch evenly.
    """
    folder, alphabet, settings, group = run.folder, run.alphabet, run.settings, run.group
    teacher = _teacher(run)
    make_folder(folder)
    pool = _pool(run, teacher)
    state = new_state(settings, len(alphabet), run.mixture.seed, run.initial)
    if (folder / STATE).exists():
        resume(folder, state, alphabet)

    losses: list[tuple[Tensor, Tensor]] = []
    mark = saved = reported = time.monotonic()
    group.wait()  # until the others have read the state that process 0 is going to replace
    with (
        stoppable() as stopping,
        _batches(run, pool, state.samples) as source,
        Metrics(folder / METRICS, state) as metrics,
    ):
        for batch in source:
            progress, stopped = group.agreed(
                run.budget.progress(state.samples, state.started), float(stopping())
            )
            if progress >= 1 or stopped:
                break
            rate = learning_rate(settings, state.step, progress)
            losses.append(train_step(state, settings, batch, alphabet, rate, teacher, group))
            if not group.first:
                losses.clear()
                continue
            now = time.monotonic()
            if len(losses) == WINDOW:
                speed = WINDOW * settings.batch / (now - mark)
                metrics.write(_summary(losses, progress, rate, speed) | {"time": round(time.time())})
                losses, mark = [], now
            if now - saved > settings.save_seconds:
                save_state(folder, state, alphabet, run.metadata)
                saved = time.monotonic()
            if report is not None and now - reported > settings.report_seconds:
                metrics.write(report(state.checkpoint(alphabet, run.metadata)))
                reported = mark = time.monotonic()
        if state.step and group.first:
            save_state(folder, state, alphabet, run.metadata)
        if report is not None and group.first and not stopping():
            metrics.write(report(state.checkpoint(alphabet, run.metadata)))
    return state.checkpoint(alphabet, run.metadata)


def train_step(
    state: State,
    settings: Settings,
    batch: Batch,
    alphabet: Alphabet,
    rate: float,
    teacher: LPRNet | None = None,
    group: Group = ALONE,
) -> tuple[Tensor, Tensor]:
    """One optimizer step on *batch*, this process's part of it: its loss, and the norm of the gradient.

    *teacher* is in evaluation mode, and asked only where its answers are not in the batch.
    """
    for parameters in state.optimizer.param_groups:
        parameters["lr"] = rate
    images = torch.from_numpy(batch.images).to(settings.device)
    if settings.replay:
        images = varied(images)
    logits = forward(state.model, images)
    loss = ctc_loss(logits, batch.texts, alphabet)
    taught = None
    if batch.taught is not None:
        taught = torch.from_numpy(batch.taught).to(settings.device)
    elif teacher is not None:
        taught = teach(teacher, images)
    if taught is not None:
        chosen = well_taught(taught, batch.texts, alphabet)
        if chosen.any():
            share = settings.distillation * float(chosen.float().mean())
            at = chosen.to(settings.device)
            loss = loss + share * distillation_loss(logits[at], taught[at]).cpu()
    norm = descend(state, loss, clip=settings.clip, samples=len(batch.texts), ema=settings.ema, group=group)
    return loss.detach(), norm


def _teacher(run: Run) -> LPRNet | None:
    if run.teacher is None:
        return None
    if run.teacher.alphabet != run.alphabet:
        raise FatalError("teacher", "reads another alphabet", "distil from a network with the same classes")
    return run.teacher.model().to(run.settings.device)


def _pool(run: Run, teacher: LPRNet | None) -> Pool | None:
    """The run's samples, drawn once, with the answers of *teacher*; None where new ones are drawn."""
    settings = run.settings
    if not settings.pool:
        return None

    def answers(images: NDArray[np.float32]) -> NDArray[np.float16]:
        assert teacher is not None
        return teach(teacher, torch.from_numpy(images).to(settings.device)).half().cpu().numpy()

    def filled() -> Pool:
        return fill(
            run.folder / POOL,
            run.mixture,
            settings.pool,
            settings.workers,
            answers if teacher is not None else None,
            run.teacher.sha256 if run.teacher else "",
        )

    if run.group.first:
        pool = filled()
        run.group.wait()
        return pool
    run.group.wait()
    return filled()  # from the files that process 0 has written


def _batches(run: Run, pool: Pool | None, start: int) -> AbstractContextManager[Iterator[Batch]]:
    """This process's parts of the batches from sample *start* on, without end."""
    batch, group = run.settings.batch, run.group
    part = group.part(batch)
    first = start + group.rank * part
    if pool is not None:
        return nullcontext(pool.batches(first, part, batch))
    if run.settings.replay:
        begin = start + group.rank * APART
        return replayed(run.mixture, begin, part, run.settings.workers, run.settings.replay, run.mixture.seed)
    return batches(run.mixture, first, part, run.settings.workers, batch)


def _summary(
    losses: list[tuple[Tensor, Tensor]], progress: float, rate: float, speed: float
) -> dict[str, float]:
    """A window's line of metrics, from the loss and the gradient norm of each of its steps."""
    return {
        "progress": round(progress, 4),
        "loss": round(float(np.mean([float(loss) for loss, _ in losses])), 4),
        "gradient": round(float(np.median([float(norm) for _, norm in losses])), 3),
        "rate": round(rate, 7),
        "samples_per_second": round(speed, 1),
    }
