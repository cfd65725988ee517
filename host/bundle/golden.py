"""Golden inputs and outputs: what a board must compute before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.bundle.manifest import GoldenInfo
from device_runtime.read.preprocess import DEFAULT, prepare, resize
from device_runtime.sources.image import read_image
from host.paths import SAMPLES

FILE = "golden.bin"
COUNT = 4

Reference = Callable[[torch.Tensor], torch.Tensor]
"""Image float64[N,3,24,94] → logits float64[N,classes,steps]."""


@dataclass(frozen=True, eq=False)
class Golden:
    """Images uint8 [n,24,94,3] BGR, logits float32 [n,classes,steps], and how far a logit may be off."""

    images: NDArray[np.uint8]
    logits: NDArray[np.float32]
    atol: float

    def encode(self) -> bytes:
        """The images, then the logits, little-endian."""
        return self.images.tobytes() + self.logits.astype("<f4").tobytes()

    @property
    def info(self) -> GoldenInfo:
        return GoldenInfo(FILE, len(self.images), 0, self.images.nbytes, self.atol)


def golden(reference: Reference, atol: float, samples: Path = SAMPLES) -> Golden:
    """Run *reference* over the first sample plates.

    Computed in float64 so that every host that builds the bundle writes the same float32.
    """
    paths = sorted(p for p in samples.iterdir() if p.suffix in (".png", ".jpg"))[:COUNT]
    images = np.stack([resize(read_image(p)) for p in paths])
    inputs = np.empty((len(images), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for i, image in enumerate(images):
        prepare(image, inputs[i : i + 1])
    with torch.no_grad():
        logits = reference(torch.from_numpy(inputs).double())
    return Golden(images, logits.numpy().astype(np.float32), atol)
