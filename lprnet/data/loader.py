"""Batches in order, made by background processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from queue import Empty, Full
from typing import Protocol, TypeVar

from lprnet.data.mixture import Batch, Mixture, to_input
from lprnet.threads import limit_threads

AHEAD = 6
"""Batches that a worker may be ahead of training."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Numbered(Protocol[T_co]):
    """Samples by number, which are the same in every process."""

    def raw_batch(self, start: int, size: int) -> T_co:
        """Samples *start* to *start* + *size*."""
        ...


def _work(samples: Numbered[T], first: int, stride: int, size: int, queue: Queue[T]) -> None:
    """Put the batches from samples *first*, *first* + *stride*, … into *queue* until the trainer is gone."""
    # The trainer ends this process, however the signal that stops the trainer was sent: a worker that a
    # process group's signal ends in the middle of a batch would leave the trainer waiting for the rest.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)  # training waits for a late batch less than batches wait for training
    # Threads of the trainer are not there after the fork, and waiting for them would never end.
    limit_threads(1)
    parent = os.getppid()
    queue.cancel_join_thread()
    start = first
    while True:
        batch = samples.raw_batch(start, size)
        while True:
            try:
                queue.put(batch, timeout=5)
                break
            except Full:
                if os.getppid() != parent:
                    return
        start += stride


@contextmanager
def batches(
    mixture: Mixture, start: int, size: int, workers: int, stride: int | None = None
) -> Iterator[Iterator[Batch]]:
    """What `raw_batches` gives, as the network's input."""
    with raw_batches(mixture, start, size, workers, stride) as source:
        yield (Batch(to_input(images), texts) for images, texts in source)


@contextmanager
def raw_batches(
    samples: Numbered[T], start: int, size: int, workers: int, stride: int | None = None
) -> Iterator[Iterator[T]]:
    """Batches of *size* samples from number *start* on, the same whatever *workers* is (0: no processes).

    They start *stride* samples apart, or follow one another if it is None.

    Raises:
        RuntimeError: a process ended that nobody told to.
    """
    step = size if stride is None else stride
    if workers == 0:
        yield (samples.raw_batch(i, size) for i in range(start, 1 << 62, step))
        return
    context = multiprocessing.get_context("fork")
    queues: list[Queue[T]] = [context.Queue(AHEAD) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work, args=(samples, start + k * step, workers * step, size, queues[k]), daemon=True
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()

    def ordered() -> Iterator[T]:
        turn = 0
        while True:
            try:
                batch = queues[turn].get(timeout=10)
            except Empty:
                if not processes[turn].is_alive():
                    raise RuntimeError(f"loader {turn} ended with code {processes[turn].exitcode}") from None
                continue
            yield batch
            turn = (turn + 1) % workers

    try:
        yield ordered()
    finally:
        for process, queue in zip(processes, queues, strict=True):
            process.kill()
            process.join()
            queue.cancel_join_thread()
