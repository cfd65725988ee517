"""Training of the locator: two looks a step, resumable at any interruption."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from lprnet.data.loader import raw_batches
from lprnet.locator.checkpoint import save_weights
from lprnet.locator.decode import STRIDE
from lprnet.locator.network import LocatorNet, Look, input_of
from lprnet.scenes.generator import Generator, Lesson
from lprnet.scenes.scene import Batch
from lprnet.training.locator_loss import Weights, locator_loss, targets
from lprnet.training.running import METRICS, WINDOW, Metrics, make_folder, stoppable
from lprnet.training.settings import Budget, learning_rate
from lprnet.training.state import STATE, State, begin, descend, read_state, write_state

WEIGHTS = "locator.safetensors"
"""In a run's folder: the averaged weights."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run's constants.

    Attributes:
        batch: scenes a step, and as many views.
        learning_rate: AdamW's, at the top of the schedule.
        warmup: steps of linear growth up to it.
        weight_decay: on convolution weights only.
        ema: decay of the averaged weights per step, reached gradually.
        clip: largest gradient norm.
        weights: of the parts of the loss.
        frozen_from: progress, 0 to 1, from which on BatchNorm uses its running statistics. Scenes and views
            go through the same layers with different statistics, and what is shipped has but one for both.
        save_seconds: between states on disk.
        workers: compositing processes.
        device: of PyTorch, e.g. "cpu" or "cuda".
    """

    batch: int = 24
    learning_rate: float = 3e-3
    warmup: int = 300
    weight_decay: float = 0.02
    ema: float = 0.999
    clip: float = 10.0
    weights: Weights = field(default_factory=Weights)
    frozen_from: float = 0.6
    save_seconds: float = 120.0
    workers: int = 1
    device: str = "cpu"


def new_state(
    settings: Settings, seed: int, initial: Mapping[str, Tensor] | None = None
) -> State[LocatorNet]:
    """A run that has not begun, with the weights *initial*, or random ones of *seed*."""
    torch.manual_seed(seed)
    model = LocatorNet()
    if initial is not None:
        model.load_state_dict(dict(initial))
    model.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for norm in _norms(model):
        norm.momentum = 0.03
    return begin(model, settings.learning_rate, settings.weight_decay)


def _norms(model: LocatorNet) -> list[nn.BatchNorm2d]:
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def save_state(folder: Path, state: State[LocatorNet], metadata: Mapping[str, str]) -> None:
    """Write the run's state and the averaged weights; each file appears whole or not at all.

    Raises:
        FatalError: a file cannot be written.
    """
    write_state(folder, state, {})
    save_weights(folder / WEIGHTS, state.average, {**metadata, "samples": str(state.samples)})


def look_loss(model: LocatorNet, batch: Batch, look: Look, settings: Settings) -> dict[str, Tensor]:
    """The parts of the loss of one look at *batch*; the convolutions in bfloat16."""
    device = torch.device(settings.device)
    height, width = (side // STRIDE for side in batch.images.shape[1:3])
    corners, rows, roles = (torch.from_numpy(a).to(device) for a in (batch.corners, batch.rows, batch.roles))
    wanted = targets(corners, rows, roles, height, width)
    images = input_of(torch.from_numpy(batch.images).to(device))
    with torch.autocast(device.type, torch.bfloat16):
        output = model(images, look)
    return locator_loss(output, wanted, settings.weights)


def train_step(
    state: State[LocatorNet], settings: Settings, lesson: Lesson, progress: float
) -> dict[str, Tensor]:
    """One optimizer step: the parts of the loss, with "view " before those of the second look.

    *progress*, 0 to 1, says where in the schedule the step is.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(settings, state.step, progress)
    for norm in _norms(state.model):
        norm.train(progress < settings.frozen_from)
    parts = look_loss(state.model, lesson.scenes, "find", settings)
    parts |= {f"view {k}": v for k, v in look_loss(state.model, lesson.views, "look", settings).items()}
    loss = torch.stack(list(parts.values())).sum()
    descend(state, loss, clip=settings.clip, samples=len(lesson.scenes.images), ema=settings.ema)
    return {name: part.detach() for name, part in parts.items()}


def train(
    folder: Path,
    generator: Generator,
    budget: Budget,
    settings: Settings,
    initial: Mapping[str, Tensor] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """Train until *budget* is used up or the process is asked to stop, and return the averaged weights.

    A run whose *folder* has a state goes on from it. The last state is at most `save_seconds` old when the
    process is killed, and current when it is stopped by SIGINT or SIGTERM.

    Args:
        folder: for the run's files (`STATE`, `METRICS`, `WEIGHTS`).
        generator: of scenes and views.
        budget: how long.
        settings: the rest.
        initial: weights to start from instead of random ones.
        metadata: goes into the weights' header.

    Raises:
        FatalError: the folder cannot be written, or its state is damaged.
    """
    make_folder(folder)
    state = new_state(settings, generator.seed, initial)
    if (folder / STATE).exists():
        read_state(folder, state, {})

    window: list[dict[str, Tensor]] = []
    mark = saved = time.monotonic()
    with (
        stoppable() as stopping,
        raw_batches(generator, state.samples, settings.batch, settings.workers) as source,
        Metrics(folder / METRICS, state) as metrics,
    ):
        for lesson in source:
            progress = budget.progress(state.samples, state.started)
            if progress >= 1 or stopping():
                break
            window.append(train_step(state, settings, lesson, progress))
            now = time.monotonic()
            if len(window) == WINDOW:
                speed = WINDOW * settings.batch / (now - mark)
                metrics.write(_summary(window, progress, speed) | {"time": round(time.time())})
                window, mark = [], now
            if now - saved > settings.save_seconds:
                save_state(folder, state, metadata or {})
                saved = time.monotonic()
        if state.step:
            save_state(folder, state, metadata or {})
    return {name: t.cpu() for name, t in state.average.items()}


def _summary(window: list[dict[str, Tensor]], progress: float, speed: float) -> dict[str, float]:
    """A window's line of metrics: the mean of each part of the loss."""
    means = {name: float(torch.stack([parts[name] for parts in window]).mean()) for name in window[0]}
    return {
        "progress": round(progress, 4),
        **{name: round(mean, 4) for name, mean in means.items()},
        "samples_per_second": round(speed, 1),
    }
