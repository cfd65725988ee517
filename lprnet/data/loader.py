"""Batches of a `Mixture` in order, rendered by background processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from queue import Empty, Full

import cv2

from lprnet.data.mixture import Batch, Mixture, to_input
from lprnet.plates.pixels import Image

AHEAD = 6
"""Batches that a worker may be ahead of training."""

RawBatch = tuple[Image, tuple[str, ...]]
"""uint8[N,24,94,3] BGR and N labels."""


def _work(mixture: Mixture, first: int, stride: int, size: int, queue: Queue[RawBatch]) -> None:
    """Put the batches from samples *first*, *first* + *stride*, … into *queue* until the trainer is gone."""
    # The trainer ends this process, however the signal that stops the trainer was sent: a worker that a
    # process group's signal ends in the middle of a batch would leave the trainer waiting for the rest.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)  # training waits for a late batch less than batches wait for training
    cv2.setNumThreads(1)
    parent = os.getppid()
    queue.cancel_join_thread()
    start = first
    while True:
        batch = mixture.raw_batch(start, size)
        while True:
            try:
                queue.put(batch, timeout=5)
                break
            except Full:
                if os.getppid() != parent:
                    return
        start += stride


@contextmanager
def batches(mixture: Mixture, start: int, size: int, workers: int) -> Iterator[Iterator[Batch]]:
    """What `raw_batches` gives, as the network's input."""
    with raw_batches(mixture, start, size, workers) as source:
        yield (Batch(to_input(images), texts) for images, texts in source)


@contextmanager
def raw_batches(mixture: Mixture, start: int, size: int, workers: int) -> Iterator[Iterator[RawBatch]]:
    """Batches of *size* samples from number *start* on, the same whatever *workers* is (0: no processes).

    Raises:
        RuntimeError: a process ended that nobody told to.
    """
    if workers == 0:
        yield (mixture.raw_batch(i, size) for i in range(start, 1 << 62, size))
        return
    context = multiprocessing.get_context("fork")
    queues: list[Queue[RawBatch]] = [context.Queue(AHEAD) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work, args=(mixture, start + k * size, workers * size, size, queues[k]), daemon=True
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()

    def ordered() -> Iterator[RawBatch]:
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
