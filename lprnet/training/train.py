"""Training: CTC on a mixture of rendered and real crops, resumable at any interruption."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.data.loader import batches
from lprnet.data.mixture import Batch, Mixture
from lprnet.data.pool import Pool, fill
from lprnet.network.alphabet import Alphabet
from lprnet.network.checkpoint import Checkpoint, save_checkpoint
from lprnet.network.model import STEPS, LPRNet, Widths
from lprnet.training import fast_cpu

STATE, METRICS, WEIGHTS, POOL = "state.pt", "metrics.jsonl", "lprnet.safetensors", "pool"
"""In a run's folder: all it takes to go on, one JSON object a line, the averaged weights, a pool's files."""


@dataclass(frozen=True)
class Budget:
    """How long to train. Exactly one is set; the learning rate's cosine ends with it.

    Attributes:
        samples: number of training samples; such a run is reproducible.
        deadline: seconds since the epoch at which the run is to be finished, however fast it goes.
    """

    samples: int | None = None
    deadline: float | None = None


@dataclass(frozen=True)
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


@dataclass
class State:
    """What training changes. `started` is seconds since the epoch at the very first step."""

    model: LPRNet
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    step: int = 0
    samples: int = 0
    started: float = field(default_factory=time.time)


def learning_rate(settings: Settings, step: int, progress: float) -> float:
    """Linear warm-up by *step*, then half a cosine over *progress* (0 to 1)."""
    top = settings.learning_rate * min(1.0, (step + 1) / settings.warmup)
    return top * (0.5 + 0.5 * math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def new_state(settings: Settings, num_classes: int, seed: int, initial: Mapping[str, Tensor] | None) -> State:
    torch.manual_seed(seed)
    model = LPRNet(num_classes, settings.dropout, Widths.of(initial) if initial is not None else None)
    if initial is not None:
        model.load_state_dict(initial)
    model.to(settings.device).train()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        fused=True,
    )
    average = {name: t.detach().clone() for name, t in model.state_dict().items()}
    return State(model, average, optimizer)


def save_state(folder: Path, state: State, alphabet: Alphabet, metadata: Mapping[str, str]) -> None:
    """Write the run's state and the averaged weights; each file appears whole or not at all."""
    buffer = BytesIO()
    content = {
        "model": state.model.state_dict(),
        "average": state.average,
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "samples": state.samples,
        "started": state.started,
        "alphabet": list(alphabet.characters),
        "rng": torch.get_rng_state(),
    }
    torch.save(content, buffer)
    write_atomic(folder / STATE, buffer.getvalue())
    save_checkpoint(folder / WEIGHTS, state.average, alphabet, {**metadata, "samples": str(state.samples)})


def resume(folder: Path, state: State, alphabet: Alphabet) -> None:
    """Put what `save_state` wrote into *state*.

    Raises:
        FatalError: the file is damaged, or of a run with another alphabet.
    """
    path = folder / STATE
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        same = content["alphabet"] == list(alphabet.characters)
        if same:
            state.model.load_state_dict(content["model"])
            state.optimizer.load_state_dict(content["optimizer"])
            state.average = {k: v.to(state.average[k].device) for k, v in content["average"].items()}
            state.step, state.samples, state.started = (content[k] for k in ("step", "samples", "started"))
            torch.set_rng_state(content["rng"])
    except (OSError, RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError):
        raise FatalError(str(path), "damaged", "remove the run's folder to start afresh") from None
    if not same:
        raise FatalError(str(path), "was trained with another alphabet", "choose another --output")


def loss_of(logits: Tensor, texts: tuple[str, ...], alphabet: Alphabet) -> Tensor:
    """CTC loss per character: float32[N,C,18] and N labels → scalar."""
    targets = [alphabet.encode(text) for text in texts]
    return F.ctc_loss(
        logits.float().permute(2, 0, 1).log_softmax(2).cpu(),
        torch.tensor([c for t in targets for c in t]),
        torch.full((len(texts),), STEPS),
        torch.tensor([len(t) for t in targets]),
        blank=alphabet.blank,
        zero_infinity=True,
    )


TEMPERATURE = 2.0
"""Of distillation: CTC's posteriors are nearly one-hot, and what they say beside that is the lesson."""


def distillation_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teacher's classes, per time step: two float[N,C,18] → scalar.

    Hinton et al., arXiv:1503.02531, with its factor T², on every time step of both networks. Averaged over
    samples and time steps.
    """
    student, teacher = (
        (x.float() / TEMPERATURE).permute(0, 2, 1).flatten(0, 1).log_softmax(1) for x in (logits, taught)
    )
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * TEMPERATURE**2


def forward(model: LPRNet, images: Tensor) -> Tensor:
    """Logits in bfloat16, by the fastest way this machine has; no gradients in evaluation mode."""
    if images.device.type == "cpu" and fast_cpu.available() and fast_cpu.suits(model):
        return fast_cpu.forward(model, images)
    with torch.autocast(images.device.type, torch.bfloat16):
        return model(images)  # type: ignore[no-any-return]


def _answers(teacher: LPRNet, images: Tensor) -> Tensor:
    with torch.no_grad():
        return forward(teacher, images)


def train_step(
    state: State,
    settings: Settings,
    batch: Batch,
    alphabet: Alphabet,
    rate: float,
    teacher: LPRNet | None = None,
) -> tuple[Tensor, Tensor]:
    """One optimizer step on *batch*: loss and gradient norm.

    *teacher* is in evaluation mode, and asked only where its answers are not in the batch.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    images = torch.from_numpy(batch.images).to(settings.device)
    logits = forward(state.model, images)
    loss = loss_of(logits, batch.texts, alphabet)
    taught = None
    if batch.taught is not None:
        taught = torch.from_numpy(batch.taught).to(settings.device)
    elif teacher is not None:
        taught = _answers(teacher, images)
    if taught is not None:
        loss = loss + settings.distillation * distillation_loss(logits, taught).cpu()
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    # A broken batch must not end a long run: its gradient is left out.
    if torch.isfinite(norm):
        state.optimizer.step()
    state.step += 1
    state.samples += len(batch.texts)
    _follow(state, settings)
    return loss.detach(), norm


def _follow(state: State, settings: Settings) -> None:
    decay = min(settings.ema, (1 + state.step) / (10 + state.step))
    current = state.model.state_dict()
    floats = [name for name, t in current.items() if t.is_floating_point()]
    torch._foreach_lerp_([state.average[n] for n in floats], [current[n] for n in floats], 1 - decay)
    for name, t in current.items():
        if not t.is_floating_point():
            state.average[name].copy_(t)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Inside, SIGINT and SIGTERM are noted instead of ending the process."""
    seen: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(s, lambda number, _: seen.append(number)) for s in signals]
    try:
        yield lambda: bool(seen)
    finally:
        for s, handler in zip(signals, before, strict=True):
            signal.signal(s, handler)


def train(
    folder: Path,
    alphabet: Alphabet,
    mixture: Mixture,
    budget: Budget,
    settings: Settings,
    initial: Mapping[str, Tensor] | None = None,
    report: Callable[[Checkpoint], dict[str, Any]] | None = None,
    metadata: Mapping[str, str] | None = None,
    teacher: Checkpoint | None = None,
) -> Checkpoint:
    """Train until *budget* is used up or the process is asked to stop, and return the averaged weights.

    A run whose *folder* has a state goes on from it. The last state is at most `save_seconds` old when the
    process is killed, and current when it is stopped by SIGINT or SIGTERM.

    Args:
        folder: for the run's files (`STATE`, `METRICS`, `WEIGHTS`).
        alphabet: the classes.
        mixture: training samples.
        budget: how long.
        settings: the rest.
        initial: weights to start from instead of random ones.
        report: called with the averaged weights from time to time; its result goes to the metrics.
        metadata: goes into the checkpoint.
        teacher: a network with the same classes whose logits are learnt besides the labels.

    Raises:
        FatalError: the folder cannot be written, its state is damaged or of another alphabet, or the teacher
            has other classes.
    """
    if teacher is not None and teacher.alphabet != alphabet:
        raise FatalError("teacher", "reads another alphabet", "distil from a network with the same classes")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(str(folder), error.strerror or str(error), "choose another --output") from None
    taught_by = teacher.model().to(settings.device) if teacher is not None else None
    pool = _pool(folder, mixture, settings, taught_by, teacher.sha256 if teacher else "")
    state = new_state(settings, len(alphabet), mixture.seed, initial)
    if (folder / STATE).exists():
        resume(folder, state, alphabet)
    metadata = metadata or {}

    def progress() -> float:
        if budget.samples is not None:
            return state.samples / budget.samples
        assert budget.deadline is not None
        if time.time() >= budget.deadline:
            return 1.0
        return (time.time() - state.started) / max(budget.deadline - state.started, 1.0)

    def checkpoint() -> Checkpoint:
        return Checkpoint({k: v.cpu() for k, v in state.average.items()}, alphabet, "", dict(metadata))

    window: list[tuple[Tensor, Tensor]] = []
    mark = saved = reported = time.monotonic()
    with (
        _stoppable() as stopping,
        nullcontext(pool.batches(state.samples, settings.batch))
        if pool
        else batches(mixture, state.samples, settings.batch, settings.workers) as source,
        (folder / METRICS).open("a", encoding="utf-8") as metrics,
    ):

        def note(values: dict[str, Any]) -> None:
            print(
                json.dumps({"step": state.step, "samples": state.samples, **values}), file=metrics, flush=True
            )

        for batch in source:
            done = progress()
            if done >= 1 or stopping():
                break
            rate = learning_rate(settings, state.step, done)
            window.append(train_step(state, settings, batch, alphabet, rate, taught_by))
            now = time.monotonic()
            if len(window) == 100:
                values = {
                    "progress": round(done, 4),
                    "loss": round(float(np.mean([float(x) for x, _ in window])), 4),
                    "gradient": round(float(np.median([float(x) for _, x in window])), 3),
                    "rate": round(rate, 7),
                    "samples_per_second": round(100 * settings.batch / (now - mark), 1),
                    "time": round(time.time()),
                }
                note(values)
                _show(state, values)
                window, mark = [], now
            if now - saved > settings.save_seconds:
                save_state(folder, state, alphabet, metadata)
                saved = time.monotonic()
            if report is not None and now - reported > settings.report_seconds:
                note(report(checkpoint()))
                reported = mark = time.monotonic()
        if state.step:
            save_state(folder, state, alphabet, metadata)
        if report is not None and not stopping():
            note(report(checkpoint()))
    print(file=sys.stderr)
    return checkpoint()


def _pool(
    folder: Path, mixture: Mixture, settings: Settings, teacher: LPRNet | None, sha256: str
) -> Pool | None:
    if not settings.pool:
        return None

    def teach(images: NDArray[np.float32]) -> NDArray[np.float16]:
        assert teacher is not None
        return _answers(teacher, torch.from_numpy(images).to(settings.device)).half().cpu().numpy()

    asked = teach if teacher is not None else None
    return fill(folder / POOL, mixture, settings.pool, settings.workers, asked, sha256)


def _show(state: State, values: dict[str, Any]) -> None:
    end = "\r" if sys.stderr.isatty() else "\n"
    text = " ".join(f"{k} {v}" for k, v in values.items() if k != "time")
    print(f"step {state.step} samples {state.samples} {text}", end=end, file=sys.stderr, flush=True)


def limit_threads(count: int) -> None:
    """Let PyTorch use *count* threads, and OpenCV one, whose thread pool would not survive a fork."""
    cv2.setNumThreads(1)
    torch.set_num_threads(count)
    os.environ["OMP_NUM_THREADS"] = str(count)
