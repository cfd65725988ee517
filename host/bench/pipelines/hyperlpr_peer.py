"""HyperLPR 2: Caffe networks in OpenCV. It returns one plate a frame at most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from host.bench.protocol import Plate


def load(folder: Path, precision: str, threads: int) -> Callable[[NDArray[Any]], list[Plate]]:
    from hyperlpr2 import PR

    cv2.setNumThreads(threads)
    detect = PR.detect_ssd
    # Where its detector says nothing at all it returns None, which plate_recognition() iterates over.
    PR.detect_ssd = lambda frame: detect(frame) or []

    def read(frame: NDArray[Any]) -> list[Plate]:
        try:
            found = PR.plate_recognition(frame)
        # A plate at the frame's edge, or one on which it reads no character.
        except (cv2.error, ZeroDivisionError):
            return []
        return [Plate(text, _corners(*box)) for text, _, box in found]

    return read


def as_input(frames: NDArray[Any]) -> NDArray[Any]:
    return frames[0]


def _corners(left: int, top: int, right: int, bottom: int) -> Any:
    return (left, top), (right, top), (right, bottom), (left, bottom)
