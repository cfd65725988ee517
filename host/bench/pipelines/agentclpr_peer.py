"""AgentCLPR: a RetinaFace-like detector and PaddleOCR's networks in ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import onnxruntime
from numpy.typing import NDArray

from host.bench.protocol import Plate


def load(folder: Path, precision: str, threads: int) -> Callable[[NDArray[Any]], list[Plate]]:
    # Its sessions have no option for this, and it makes one line of log for every network it runs.
    onnxruntime.SessionOptions = _with_threads(threads)
    cv2.setNumThreads(threads)
    from agentclpr import CLPSystem

    logging.disable(logging.CRITICAL)
    system = CLPSystem()

    def read(frame: NDArray[Any]) -> list[Plate]:
        try:
            found = system(frame)
        # A plate at the frame's edge.
        except (cv2.error, ValueError):
            return []
        return [Plate(text, _corners(*map(tuple, corners))) for corners, (text, _) in found]

    return read


def as_input(frames: NDArray[Any]) -> NDArray[Any]:
    return frames[0]


def _corners(bottom_right: Any, bottom_left: Any, top_left: Any, top_right: Any) -> Any:
    return top_left, top_right, bottom_right, bottom_left


def _with_threads(threads: int) -> Callable[[], Any]:
    options = onnxruntime.SessionOptions

    def session_options() -> Any:
        made = options()
        made.intra_op_num_threads = made.inter_op_num_threads = threads
        return made

    return session_options
