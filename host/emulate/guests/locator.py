"""The parts of a bundle's locator on an emulated board, its golden maps checked first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from device_runtime.board.cpu import Cpu, detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.bundle.verify import verify
from device_runtime.locate.geometry import fit
from device_runtime.locate.module import open_locator

FRAME = (1080, 1920)
"""px, height and width, of the frame that `letterbox` scales."""


def load(folder: str, part: str) -> Callable[[], object]:
    """*part* of the locator of the bundle in *folder*, on zeros: `letterbox`, `find` or `refine`.

    `find` computes an input of the size that its kernels are tuned for.
    """
    info = read_manifest(Path(folder))
    # An emulated processor may name its features otherwise.
    cpu = Cpu(detect().arch, "emulated", frozenset(info.target.cpu_features))
    locator = open_locator(verify(Path(folder), cpu))
    assert locator is not None and info.locator is not None
    frame, to = np.zeros((*FRAME, 3), np.uint8), fit(FRAME[1], FRAME[0])
    if part == "letterbox":
        return lambda: locator.letterbox(frame, to)
    finds = part == "find"
    network, compute = (info.locator.find if finds else info.locator.refine), getattr(locator, part)
    image = np.zeros((network.height, network.width, 3), np.uint8)
    return lambda: compute(image)
