"""Interleaved timing: every worker is alive all the time, one of them computes."""

from __future__ import annotations

import logging
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from host.bench import protocol
from host.bench.client import Worker, WorkerError
from host.bench.models import Model, Place
from host.bench.schema import in_words

LOAD_TIMEOUT_S = 300.0
STEP_TIMEOUT_S = 120.0
EVALUATE_TIMEOUT_S = 1800.0
BUSY = 0.5
"""Load average above which the figures are said to be rough."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A round is a turn for every worker; a turn is *warmup* untimed inferences, then *inferences* timed.

    Attributes:
        settle_s: pause between turns, in which thread pools that spin for more work give up.
    """

    rounds: int
    inferences: int = 10
    warmup: int = 3
    settle_s: float = 0.005


@dataclass(frozen=True)
class Entrant:
    """A model at a number of threads."""

    model: Model
    threads: int

    @property
    def name(self) -> str:
        """Runtime, precision and threads in words."""
        return f"{self.model.configuration}, {in_words(self.threads)}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurement:
    """What was measured of an entrant; without `rounds`, `error` says why.

    Attributes:
        rounds: milliseconds of each inference, by round.
        logits: float32[N,classes,steps] of the labelled inputs, where this entrant was asked for them.
    """

    entrant: Entrant
    rounds: tuple[tuple[float, ...], ...] = ()
    logits: NDArray[np.float32] | None = None
    error: str | None = None


def load_average() -> float:
    """The last minute's, with a warning where other programs would disturb a timing."""
    load = round(os.getloadavg()[0], 2)
    if load > BUSY:
        LOG.warning("load average %.1f: other programs run here, and the figures will be rough", load)
    return load


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
    timed: Path,
    labelled: Path | None = None,
    evaluate: Set[Path] = frozenset(),
) -> list[Measurement]:
    """Time all *entrants* in turns; one measurement each, in their order.

    Args:
        cpus: where a worker may run, by its number of threads.
        timed: `.npy` file of the inputs float32[N,3,24,94] to time.
        labelled: likewise, of those to compute logits of before anything is timed.
        evaluate: folders of the models whose logits are wanted, from the first entrant that loads them.
    """
    running: dict[int, _Running] = {}
    errors: dict[int, str] = {}
    wanted = set(evaluate) if labelled else set()

    def drop(index: int, error: WorkerError) -> None:
        LOG.info("out: %s: %s", entrants[index].name, error)
        errors[index] = str(error)

    with ExitStack() as stack:
        for index, entrant in enumerate(entrants):
            try:
                worker = place.worker(entrant.model.configuration.runtime, cpus[entrant.threads])
                stack.enter_context(worker)
                worker.ask(_load(entrant), LOAD_TIMEOUT_S)
                running[index] = _Running(worker)
                if labelled and entrant.model.folder in wanted:
                    running[index].logits = _logits(worker, labelled)
                    wanted.remove(entrant.model.folder)
                LOG.info("ready: %s", entrant.name)
            except WorkerError as error:
                drop(index, error)
                if lost := running.pop(index, None):
                    lost.worker.close()
        request = protocol.Time(str(timed.resolve()), pace.inferences, pace.warmup)
        workers = {index: run.worker for index, run in running.items()}
        rounds = in_turns(workers, request, pace, drop)
    return [
        Measurement(
            entrant=entrant,
            rounds=rounds.get(index, ()),
            logits=running[index].logits if index in running else None,
            error=errors.get(index),
        )
        for index, entrant in enumerate(entrants)
    ]


def in_turns(
    workers: Mapping[int, Worker],
    request: protocol.Time,
    pace: Pace,
    drop: Callable[[int, WorkerError], None],
) -> dict[int, tuple[tuple[float, ...], ...]]:
    """Milliseconds that each of *workers* takes for *request*, by round; one of them computes at a time.

    One that fails is closed, given to *drop* and left out.
    """
    rounds: dict[int, list[tuple[float, ...]]] = {index: [] for index in workers}
    # Shuffled rather than rotated, so that nobody always comes after the same one; seeded, so that a
    # second run takes turns alike.
    order, shuffle = list(workers), random.Random(0).shuffle
    for number in range(pace.rounds):
        shuffle(order)
        for index in [i for i in order if i in rounds]:
            time.sleep(pace.settle_s)
            try:
                reply = workers[index].ask(request, STEP_TIMEOUT_S)
                assert isinstance(reply, protocol.Timed)
                rounds[index].append(tuple(ns / 1e6 for ns in reply.nanoseconds))
            except WorkerError as error:
                drop(index, error)
                workers[index].close()
                del rounds[index]
        if (number + 1) % max(1, pace.rounds // 10) == 0:
            LOG.info("round %d of %d", number + 1, pace.rounds)
    return {index: tuple(taken) for index, taken in rounds.items()}


@dataclass(eq=False)
class _Running:
    """A worker that has loaded its model, and the logits it was asked for."""

    worker: Worker
    logits: NDArray[np.float32] | None = None


def _load(entrant: Entrant) -> protocol.Load:
    model = entrant.model
    return protocol.Load(
        module=model.configuration.spec.module,
        precision=model.configuration.precision,
        folder=str(model.folder.resolve()),
        threads=entrant.threads,
    )


def _logits(worker: Worker, inputs: Path) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory(prefix="logits-") as folder:
        output = Path(folder) / "logits.npy"
        worker.ask(protocol.Evaluate(str(inputs.resolve()), str(output)), EVALUATE_TIMEOUT_S)
        logits: NDArray[np.float32] = np.load(output)
        return logits
