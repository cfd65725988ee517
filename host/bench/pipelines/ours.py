"""This project's own bundles, run as on a board: `device_runtime` alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from device_runtime.reader import Reader
from host.bench.protocol import Plate


def load(folder: Path, precision: str, threads: int) -> Callable[[NDArray[Any]], list[Plate]]:
    # The process is confined to its CPUs, but OpenCV would start threads all the same.
    import cv2

    cv2.setNumThreads(threads)
    reader = Reader.open(folder, threads=threads)

    def read(frame: NDArray[Any]) -> list[Plate]:
        return [
            Plate(plate.text, _corners(plate.corners.tolist()))
            for plate in reader.read(frame)
            if plate.corners is not None
        ]

    return read


def _corners(points: Any) -> Any:
    return tuple(map(tuple, points))


def as_input(frames: NDArray[Any]) -> NDArray[Any]:
    return frames[0]
