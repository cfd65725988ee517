"""How long and with which constants to train."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Budget:
    """How long to train. Exactly one is set; the learning rate's cosine ends with it.

    Attributes:
        samples: number of training samples; such a run is reproducible.
        deadline: seconds since the epoch at which the run is to be finished, however fast it goes.
    """

    samples: int | None = None
    deadline: float | None = None

    def progress(self, samples: int, started: float) -> float:
        """Share of a run that is behind it: 0 at its start, 1 or more where it is to end.

        Args:
            samples: that were trained on so far.
            started: when the run began, in seconds since the epoch.
        """
        if self.samples is not None:
            return samples / self.samples
        assert self.deadline is not None
        now = time.time()
        if now >= self.deadline:
            return 1.0
        return (now - started) / max(self.deadline - started, 1.0)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run's constants.

    Attributes:
        batch: samples a step.
        learning_rate: AdamW's, at the top of the schedule.
        warmup: steps of linear growth up to it.
        weight_decay: on convolution weights only.
        ema: decay of the averaged weights per step, reached gradually.
        dropout: probability in both dropout layers.
        clip: largest gradient norm.
        distillation: weight of `distillation_loss`, where there is a teacher, beside CTC's 1.
        save_seconds: between states on disk.
        report_seconds: between calls of the evaluation.
        workers: rendering processes.
        device: of PyTorch, e.g. "cpu" or "cuda".
        pool: samples to draw once and go through again and again; 0 draws new ones all the time.
        replay: samples to keep of those that are drawn all the time, to be seen again as often as there is
            time for, each time a little varied; 0 sees every one once. Such a run is not reproducible.
    """

    batch: int = 32
    learning_rate: float = 2e-3
    warmup: int = 300
    weight_decay: float = 0.01
    ema: float = 0.999
    dropout: float = 0.0
    clip: float = 5.0
    distillation: float = 1.0
    save_seconds: float = 120.0
    report_seconds: float = 900.0
    workers: int = 1
    device: str = "cpu"
    pool: int = 0
    replay: int = 0


class Rising(Protocol):
    """Settings of a learning rate that rises to its top over some steps."""

    @property
    def learning_rate(self) -> float:
        """At the top."""
        ...

    @property
    def warmup(self) -> int:
        """Steps up to it."""
        ...


def learning_rate(settings: Rising, step: int, progress: float) -> float:
    """Linear warm-up by *step*, then half a cosine over *progress* (0 to 1)."""
    top = settings.learning_rate * min(1.0, (step + 1) / settings.warmup)
    return top * (0.5 + 0.5 * math.cos(math.pi * min(max(progress, 0.0), 1.0)))
