"""How many threads PyTorch and OpenCV use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


def limit_threads(count: int) -> None:
    """Let PyTorch use *count* threads, and OpenCV one, whose thread pool would not survive a fork."""
    cv2.setNumThreads(1)
    torch.set_num_threads(count)
    os.environ["OMP_NUM_THREADS"] = str(count)


def one_operator_at_a_time(threads: int) -> None:
    """Let PyTorch use *threads* threads within an operator, and run one operator at a time.

    The latter can be said once in a process, before PyTorch has computed anything.
    """
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread meanwhile, so that sums do not depend on how many cores there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
