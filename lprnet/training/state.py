"""What a run changes while it trains, in memory and on disk."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint, save_checkpoint
from lprnet.network.model import LPRNet, Widths
from lprnet.training.processes import ALONE, Group
from lprnet.training.settings import Settings

STATE = "state.pt"
"""In a run's folder: all it takes to go on."""
WEIGHTS = "lprnet.safetensors"
"""In a run's folder: the averaged weights."""

_UNREADABLE = (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError)
"""What reading a file raises that is missing, cut short or none of PyTorch's."""

M = TypeVar("M", bound=nn.Module)


@dataclass
class State(Generic[M]):
    """A run at one of its steps.

    Attributes:
        model: in training mode.
        average: moving average of the model's state dict.
        optimizer: of the model's parameters.
        step: optimizer steps so far.
        samples: that were trained on so far.
        started: seconds since the epoch at the very first step.
    """

    model: M
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    step: int = 0
    samples: int = 0
    started: float = field(default_factory=time.time)

    def checkpoint(self, alphabet: Alphabet, metadata: Mapping[str, str]) -> Checkpoint:
        """The averaged weights."""
        weights = {name: tensor.cpu() for name, tensor in self.average.items()}
        return Checkpoint(weights, alphabet, metadata=dict(metadata))


def new_state(
    settings: Settings, num_classes: int, seed: int, initial: Mapping[str, Tensor] | None
) -> State[LPRNet]:
    """A run that has not begun, with the weights *initial*, or random ones of *seed*."""
    torch.manual_seed(seed)
    model = LPRNet(num_classes, settings.dropout, Widths.of(initial) if initial is not None else None)
    if initial is not None:
        model.load_state_dict(initial)
    model.to(settings.device)
    return begin(model, settings.learning_rate, settings.weight_decay)


def begin(model: M, rate: float, weight_decay: float) -> State[M]:
    """A run of *model* that has not begun, with AdamW at *rate*; *weight_decay* is on kernels only."""
    model.train()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=rate,
        fused=True,
    )
    average = {name: t.detach().clone() for name, t in model.state_dict().items()}
    return State(model, average, optimizer)


def descend(
    state: State[Any], loss: Tensor, *, clip: float, samples: int, ema: float, group: Group = ALONE
) -> Tensor:
    """One step of the optimizer down *loss*, counted, and of the average; returns the gradient's norm.

    Args:
        clip: the norm that a larger gradient is scaled down to.
        samples: how many samples *loss* is of.
        ema: the average's decay.
        group: the processes that take the step together, each with a loss of its own and as many samples.
    """
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if group.size > 1:
        # Every step has a gradient for every weight; BatchNorm's statistics are of this process's samples.
        gradients = [p.grad for p in state.model.parameters() if p.grad is not None]
        group.average_(gradients + [b for b in state.model.buffers() if b.is_floating_point()])
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), clip)
    # A broken batch must not end a long run: its gradient is left out.
    if torch.isfinite(norm):
        state.optimizer.step()
    state.step += 1
    state.samples += samples * group.size
    update_average(state, ema)
    return norm


def update_average(state: State[Any], decay: float) -> None:
    """Move the average towards the weights; its decay grows to *decay* over the first steps."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    current = state.model.state_dict()
    floats = [name for name, t in current.items() if t.is_floating_point()]
    torch._foreach_lerp_([state.average[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name, t in current.items():
        if not t.is_floating_point():
            state.average[name].copy_(t)


def save_state(folder: Path, state: State[LPRNet], alphabet: Alphabet, metadata: Mapping[str, str]) -> None:
    """Write the run's state and the averaged weights; each file appears whole or not at all.

    Raises:
        FatalError: a file cannot be written.
    """
    write_state(folder, state, {"alphabet": list(alphabet.characters)})
    save_checkpoint(folder / WEIGHTS, state.average, alphabet, {**metadata, "samples": str(state.samples)})


def write_state(folder: Path, state: State[Any], more: Mapping[str, Any]) -> None:
    """Write *state*, and *more* beside it, as `STATE`; whole or not at all.

    Raises:
        FatalError: it cannot be written.
    """
    buffer = BytesIO()
    content = {
        "model": state.model.state_dict(),
        "average": state.average,
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "samples": state.samples,
        "started": state.started,
        "rng": torch.get_rng_state(),
        "gpu": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
        **more,
    }
    torch.save(content, buffer)
    write_atomic(folder / STATE, buffer.getvalue())


def read_state(folder: Path, state: State[Any], more: Mapping[str, Any]) -> bool:
    """Put what `write_state` wrote into *state*; False and nothing done if it was written with other *more*.

    Raises:
        FatalError: the file is damaged.
    """
    path = folder / STATE
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if any(content[key] != value for key, value in more.items()):
            return False
        state.model.load_state_dict(content["model"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.average = {k: v.to(state.average[k].device) for k, v in content["average"].items()}
        state.step, state.samples, state.started = (content[k] for k in ("step", "samples", "started"))
        torch.set_rng_state(content["rng"])
        if content.get("gpu") is not None and torch.cuda.is_initialized():
            torch.cuda.set_rng_state(content["gpu"])
    except _UNREADABLE:
        raise FatalError(str(path), "damaged", "remove the run's folder to start afresh") from None
    return True


def resume(folder: Path, state: State[LPRNet], alphabet: Alphabet) -> None:
    """Put what `save_state` wrote into *state*.

    Raises:
        FatalError: the file is damaged, or of a run with another alphabet.
    """
    if not read_state(folder, state, {"alphabet": list(alphabet.characters)}):
        raise FatalError(str(folder / STATE), "was trained with another alphabet", "choose another --output")


def started(folder: Path) -> float:
    """When the run in *folder* began, in seconds since the epoch; now where there is none."""
    try:
        return float(torch.load(folder / STATE, map_location="cpu", weights_only=True)["started"])
    except _UNREADABLE:
        return time.time()
