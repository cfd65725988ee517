"""How many threads PyTorch and OpenCV use."""

from __future__ import annotations

import os

import cv2
import torch


def limit_threads(count: int) -> None:
    """Let PyTorch use *count* threads, and OpenCV one, whose thread pool would not survive a fork."""
    cv2.setNumThreads(1)
    torch.set_num_threads(count)
    os.environ["OMP_NUM_THREADS"] = str(count)
