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
import numpy as np
from numpy.typing import NDArray

from lprnet.dataset import Batch, Mixture, to_input

AHEAD = 6
"""Batches that a worker may be ahead of training."""

_Raw = tuple[NDArray[np.uint8], tuple[str, ...]]


def _work(mixture: Mixture, first: int, stride: int, size: int, queue: Queue[_Raw]) -> None:
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
    """Batches of *size* samples from number *start* on, the same whatever *workers* is (0: no processes)."""
    if workers == 0:
        yield (mixture.batch(i, size) for i in range(start, 1 << 62, size))
        return
    context = multiprocessing.get_context("fork")
    queues: list[Queue[_Raw]] = [context.Queue(AHEAD) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work, args=(mixture, start + k * size, workers * size, size, queues[k]), daemon=True
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()

    def ordered() -> Iterator[Batch]:
        turn = 0
        while True:
            try:
                images, texts = queues[turn].get(timeout=10)
            except Empty:
                if not processes[turn].is_alive():
                    raise RuntimeError(f"loader {turn} ended with code {processes[turn].exitcode}") from None
                continue
            yield Batch(to_input(images), texts)
            turn = (turn + 1) % workers

    try:
        yield ordered()
    finally:
        for process, queue in zip(processes, queues, strict=True):
            process.kill()
            process.join()
            queue.cancel_join_thread()
