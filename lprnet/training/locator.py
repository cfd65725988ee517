"""Training of the locator's networks, one at a time; resumable at any interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from device_runtime.locate.decode import STRIDE
from lprnet.data.loader import Numbered, raw_batches
from lprnet.locator.checkpoint import save_weights
from lprnet.locator.network import FIND, REFINE, ConvNet, Layers, LocatorNet, input_of
from lprnet.scenes.generator import Generator
from lprnet.scenes.scene import Batch
from lprnet.training.locator_loss import Weights, locator_loss, targets
from lprnet.training.processes import ALONE, Group
from lprnet.training.running import METRICS, WINDOW, Metrics, make_folder, stoppable
from lprnet.training.settings import Budget, learning_rate
from lprnet.training.state import STATE, State, begin, descend, read_state, write_state
from lprnet.training.view_loss import ViewWeights, view_loss
from lprnet.training.views import ViewGenerator, Views

WEIGHTS = "locator.safetensors"
"""In a run's folder: both networks, the averaged weights of the one that is trained."""

L = TypeVar("L")
Part = Literal["find", "refine"]
"""One of the two networks."""


@dataclass(frozen=True)
class Task(Generic[L]):
    """What one of the networks learns.

    Attributes:
        part: its name.
        layers: its table.
        lessons: batches of what it is trained on.
        loss: the parts of the loss of a batch, weighted, by name.
    """

    part: Part
    layers: Layers
    lessons: Numbered[L]
    loss: Callable[[ConvNet, L, torch.device], dict[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run's constants.

    Attributes:
        batch: scenes, or views, a step.
        learning_rate: AdamW's, at the top of the schedule.
        warmup: steps of linear growth up to it.
        weight_decay: on convolution weights only.
        ema: decay of the averaged weights per step, reached gradually.
        clip: largest gradient norm.
        frozen_from: progress, 0 to 1, from which on BatchNorm uses its running statistics.
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
    frozen_from: float = 0.6
    save_seconds: float = 120.0
    workers: int = 1
    device: str = "cpu"


def new_state(
    layers: Layers, settings: Settings, seed: int, initial: Mapping[str, Tensor] | None = None
) -> State[ConvNet]:
    """A run of *layers* that has not begun, with the weights *initial*, or random ones of *seed*."""
    torch.manual_seed(seed)
    model = ConvNet(layers)
    if initial is not None:
        model.load_state_dict(dict(initial))
    model.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for norm in _norms(model):
        norm.momentum = 0.03
    return begin(model, settings.learning_rate, settings.weight_decay)


def _norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def of_part(weights: Mapping[str, Tensor], part: Part) -> dict[str, Tensor]:
    """The weights of one of the networks, without the prefix."""
    return {name.removeprefix(f"{part}."): t for name, t in weights.items() if name.startswith(f"{part}.")}


def with_part(weights: Mapping[str, Tensor], part: Part, replaced: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """*weights* of both networks with those of one *replaced*."""
    return {**weights, **{f"{part}.{name}": t for name, t in replaced.items()}}


def find_loss(model: ConvNet, batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """The parts of the loss of FIND at *batch*; the convolutions in bfloat16."""
    height, width = (side // STRIDE for side in batch.images.shape[1:3])
    corners, rows, roles = (torch.from_numpy(a).to(device) for a in (batch.corners, batch.rows, batch.roles))
    wanted = targets(corners, rows, roles, height, width)
    images = input_of(torch.from_numpy(batch.images).to(device))
    with torch.autocast(device.type, torch.bfloat16):
        output = model(images)
    return locator_loss(output, wanted, Weights())


def find_task(generator: Generator) -> Task[Batch]:
    """To find plates in the scenes of *generator*."""
    return Task("find", FIND, generator, find_loss)


def refine_loss(model: ConvNet, views: Views, device: torch.device) -> dict[str, Tensor]:
    """The parts of the loss of REFINE at *views*; the convolutions in bfloat16."""
    corners, known, plate, counted, two_rows = (
        torch.from_numpy(a).to(device)
        for a in (views.corners, views.known, views.plate, views.counted, views.two_rows)
    )
    images = input_of(torch.from_numpy(views.images).to(device))
    with torch.autocast(device.type, torch.bfloat16):
        output = model(images)
    return view_loss(output, corners, known, plate, counted, two_rows, ViewWeights())


def refine_task(views: ViewGenerator) -> Task[Views]:
    """To tell plates from others and to find their corners, in *views*."""
    return Task("refine", REFINE, views, refine_loss)


def train_step(
    state: State[ConvNet],
    settings: Settings,
    task: Task[L],
    lesson: L,
    progress: float,
    group: Group = ALONE,
) -> dict[str, Tensor]:
    """One optimizer step on *lesson*, this process's part of a batch: the parts of its loss.

    *progress*, 0 to 1, says where in the schedule the step is.
    """
    for parameters in state.optimizer.param_groups:
        parameters["lr"] = learning_rate(settings, state.step, progress)
    for norm in _norms(state.model):
        norm.train(progress < settings.frozen_from)
    parts = task.loss(state.model, lesson, torch.device(settings.device))
    loss = torch.stack(list(parts.values())).sum()
    part = group.part(settings.batch)
    descend(state, loss, clip=settings.clip, samples=part, ema=settings.ema, group=group)
    return {name: part.detach() for name, part in parts.items()}


def train(
    folder: Path,
    task: Task[L],
    budget: Budget,
    settings: Settings,
    seed: int,
    initial: Mapping[str, Tensor] | None = None,
    metadata: Mapping[str, str] | None = None,
    group: Group = ALONE,
) -> dict[str, Tensor]:
    """Train one network until *budget* is used up or the process is asked to stop; both networks' weights.

    A run whose *folder* has a state goes on from it. The last state is at most `save_seconds` old when the
    process is killed, and current when it is stopped by SIGINT or SIGTERM.

    Args:
        folder: for the run's files (`STATE`, `METRICS`, `WEIGHTS`).
        task: which network, and what it learns.
        budget: how long.
        settings: the rest.
        seed: of random weights.
        initial: both networks' weights to start from instead of random ones.
        metadata: goes into the weights' header.
        group: the processes that train together.

    Raises:
        FatalError: the folder cannot be written, its state is damaged, or the processes cannot share a batch.
    """
    make_folder(folder)
    torch.manual_seed(seed)
    both = dict(initial or LocatorNet().state_dict())
    state = new_state(task.layers, settings, seed, of_part(both, task.part) if initial else None)
    if (folder / STATE).exists():
        read_state(folder, state, {"part": task.part})

    def averaged() -> dict[str, Tensor]:
        return with_part(both, task.part, {name: t.cpu() for name, t in state.average.items()})

    def save() -> None:
        write_state(folder, state, {"part": task.part})
        save_weights(folder / WEIGHTS, averaged(), {**(metadata or {}), "samples": str(state.samples)})

    window: list[dict[str, Tensor]] = []
    mark = saved = time.monotonic()
    part = group.part(settings.batch)
    first = state.samples + group.rank * part
    group.wait()  # until the others have read the state that process 0 is going to replace
    with (
        stoppable() as stopping,
        raw_batches(task.lessons, first, part, settings.workers, settings.batch) as source,
        Metrics(folder / METRICS, state) as metrics,
    ):
        for lesson in source:
            progress, stopped = group.agreed(budget.progress(state.samples, state.started), float(stopping()))
            if progress >= 1 or stopped:
                break
            window.append(train_step(state, settings, task, lesson, progress, group))
            if not group.first:
                window.clear()
                continue
            now = time.monotonic()
            if len(window) == WINDOW:
                speed = WINDOW * settings.batch / (now - mark)
                metrics.write(_summary(window, progress, speed) | {"time": round(time.time())})
                window, mark = [], now
            if now - saved > settings.save_seconds:
                save()
                saved = time.monotonic()
        if state.step and group.first:
            save()
    return averaged()


def _summary(window: list[dict[str, Tensor]], progress: float, speed: float) -> dict[str, float]:
    """A window's line of metrics: the mean of each part of the loss."""
    means = {name: float(torch.stack([parts[name] for parts in window]).mean()) for name in window[0]}
    return {
        "progress": round(progress, 4),
        **{name: round(mean, 4) for name, mean in means.items()},
        "samples_per_second": round(speed, 1),
    }
