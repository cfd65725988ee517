"""Images that show the quantizer what the network will see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.read.preprocess import DEFAULT, prepare
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image


def read_samples(folder: Path, count: int) -> NDArray[np.float32]:
    """Up to *count* images of *folder*, evenly spread over its names, as float32[N,3,24,94].

    Raises:
        FatalError: no images there, or one that cannot be read.
    """
    paths = image_files([folder])
    chosen = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))]
    samples = np.empty((len(chosen), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for path, sample in zip(chosen, samples, strict=True):
        prepare(read_image(path), sample[None])
    return samples
