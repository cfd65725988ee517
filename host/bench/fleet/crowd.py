"""Boards in a few processes: hundreds of threads in one would wait for each other, and not for a host."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier as AnyBarrier
from threading import BrokenBarrierError

from device_runtime.delivery.destination import HttpDestination
from device_runtime.errors import FatalError
from host.bench.fleet.boards import Board

_TOGETHER = 64
"""Boards in one process."""

_START_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A board that is to be.

    Attributes:
        name, addresses, token, folder, rate, seconds, patience_s: as of `Board`.
    """

    name: str
    addresses: tuple[HttpDestination, ...]
    token: str
    folder: Path
    rate: float
    seconds: float
    patience_s: float


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a board has done; attributes as of `Board`."""

    put: tuple[str, ...]
    acknowledged: frozenset[str]
    taken: tuple[tuple[int, float], ...]
    failures: int


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What all boards have done.

    Attributes:
        boards: each.
        cpu_s: processor time of all.
    """

    boards: tuple[Story, ...]
    cpu_s: float


def run_boards(tasks: Sequence[Task], meanwhile: Callable[[], object]) -> Crowd:
    """Let all boards send at the same time, until each has ended.

    Args:
        tasks: a board each.
        meanwhile: is called when they begin.

    Raises:
        FatalError: their processes do not start.
    """
    parts = [tasks[start : start + _TOGETHER] for start in range(0, len(tasks), _TOGETHER)]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(parts) + 1)
    with ProcessPoolExecutor(len(parts), context, _know, (barrier,)) as pool:
        running = [pool.submit(_run, tuple(part)) for part in parts]
        try:
            barrier.wait(_START_S)
        except BrokenBarrierError:
            raise FatalError("the boards' processes", "do not start", "free some memory") from None
        meanwhile()
        ended = [one.result() for one in running]
    return Crowd(
        boards=tuple(story for stories, _ in ended for story in stories),
        cpu_s=sum(cpu_s for _, cpu_s in ended),
    )


_barrier: AnyBarrier | None = None


def _know(barrier: AnyBarrier) -> None:
    global _barrier
    _barrier = barrier


def _run(tasks: tuple[Task, ...]) -> tuple[list[Story], float]:
    boards = [
        Board(
            task.name,
            task.addresses,
            task.token,
            task.folder,
            rate=task.rate,
            seconds=task.seconds,
            patience_s=task.patience_s,
        )
        for task in tasks
    ]
    assert _barrier is not None
    _barrier.wait(_START_S)
    cpu_s = time.process_time()
    for board in boards:
        board.start()
    for board in boards:
        board.join()
    cpu_s = time.process_time() - cpu_s
    stories = [
        Story(
            put=tuple(board.put),
            acknowledged=frozenset(board.acknowledged()),
            taken=tuple(board.taken),
            failures=board.failures,
        )
        for board in boards
    ]
    return stories, cpu_s
