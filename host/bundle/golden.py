"""Computes the golden outputs: what a board must compute before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from device_runtime.bundle.golden import Golden
from device_runtime.read.preprocess import DEFAULT, prepare, resize
from device_runtime.sources.image import read_image
from host.paths import SAMPLES

COUNT = 4

Reference = Callable[[torch.Tensor], torch.Tensor]
"""Image float64[N,3,24,94] → logits float64[N,classes,steps]."""


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
