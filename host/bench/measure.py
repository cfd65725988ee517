"""Interleaved timing: every worker is alive all the time, one of them computes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from device_runtime.errors import FatalError
from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.models import Model, Place

LOAD_TIMEOUT_S = 300.0
STEP_TIMEOUT_S = 120.0
EVALUATE_TIMEOUT_S = 1800.0

Log = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """A round is a turn for every worker; a turn is *warmup* untimed inferences, then *inferences* timed.

    settle_s: pause between turns, in which thread pools that spin for more work give up.
    """

    rounds: int
    inferences: int = 10
    warmup: int = 3
    settle_s: float = 0.005


@dataclass
class Entrant:
    """A model at a number of threads, and what has been measured of it.

    rounds: milliseconds of each inference, by round.
    logits: `.npy` file with the logits of the labelled images, where there are any.
    """

    model: Model
    threads: int
    rounds: list[list[float]] = field(default_factory=list)
    logits: Path | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        variant = self.model.variant
        return f"{variant.runtime} {variant.precision}, {self.threads} thread{'s' * (self.threads > 1)}"


def pick_cpus(threads: int, topology: Path = Path("/sys/devices/system/cpu")) -> tuple[int, ...]:
    """CPUs for a worker with *threads* threads: one per physical core, the highest-numbered ones.

    Interrupts and this process's parent tend to be on the lowest.

    Raises:
        FatalError: there are fewer cores than threads.
    """
    allowed = os.sched_getaffinity(0)
    cores: dict[str, int] = {}
    for cpu in sorted(allowed):
        try:
            siblings = (topology / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
        except OSError:
            siblings = str(cpu)
        cores.setdefault(siblings, cpu)
    picked = sorted(cores.values())[-threads:]
    if len(picked) < threads:
        raise FatalError(
            f"--threads {threads}", f"this process has {len(picked)} cores", "ask for fewer threads"
        )
    return tuple(picked)


def measure(
    entrants: Sequence[Entrant],
    place: Place,
    cpus: Mapping[int, tuple[int, ...]],
    pace: Pace,
    timing_inputs: Path,
    labelled_inputs: Path | None,
    scratch: Path,
    log: Log,
) -> None:
    """Fill in every entrant's `rounds` and `logits`, or its `error`.

    Accuracy comes first and, of the entrants of one model, from the first.
    """
    with ExitStack() as stack:
        workers: dict[int, Worker] = {}
        for index, entrant in enumerate(entrants):
            try:
                worker = place.worker(entrant.model.variant.runtime, cpus[entrant.threads])
                workers[index] = stack.enter_context(worker)
                variant = entrant.model.variant
                folder = str(entrant.model.folder.resolve())
                load = protocol.Load(variant.spec.module, variant.precision, folder, entrant.threads)
                worker.ask(load, LOAD_TIMEOUT_S)
                if labelled_inputs and not any(e.logits for e in entrants if e.model is entrant.model):
                    output = scratch / f"logits-{index}.npy"
                    request = protocol.Evaluate(str(labelled_inputs.resolve()), str(output.resolve()))
                    worker.ask(request, EVALUATE_TIMEOUT_S)
                    entrant.logits = output
                log(f"ready: {entrant.name}")
            except WorkerError as error:
                _drop(entrant, workers.pop(index, None), error, log)
        _rounds(entrants, workers, pace, timing_inputs, log)


def _rounds(
    entrants: Sequence[Entrant], workers: dict[int, Worker], pace: Pace, inputs: Path, log: Log
) -> None:
    request = protocol.Time(str(inputs.resolve()), pace.inferences, pace.warmup)
    # Shuffled rather than rotated, so that nobody always comes after the same one; seeded, so that a
    # second run takes turns alike.
    order, shuffle = list(workers), random.Random(0).shuffle
    for number in range(pace.rounds):
        shuffle(order)
        for index in [i for i in order if i in workers]:
            entrant = entrants[index]
            time.sleep(pace.settle_s)
            try:
                reply = workers[index].ask(request, STEP_TIMEOUT_S)
                assert isinstance(reply, protocol.Timed)
                entrant.rounds.append([ns / 1e6 for ns in reply.nanoseconds])
            except WorkerError as error:
                _drop(entrant, workers.pop(index), error, log)
        if (number + 1) % max(1, pace.rounds // 10) == 0:
            log(f"round {number + 1} of {pace.rounds}")


def _drop(entrant: Entrant, worker: Worker | None, error: WorkerError, log: Log) -> None:
    entrant.error = str(error)
    entrant.rounds.clear()
    log(f"out: {entrant.name}: {error}")
    if worker is not None:
        worker.close()
