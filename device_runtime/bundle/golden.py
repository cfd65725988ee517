"""Golden inputs and outputs: what a board must compute before it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import Manifest
from device_runtime.errors import FatalError


@dataclass(frozen=True)
class Golden:
    """Images uint8 [n, height, width, 3] and the host's logits float32 [n, classes, steps] for them."""

    images: NDArray[np.uint8]
    logits: NDArray[np.float32]


def read_golden(bundle: Path, manifest: Manifest) -> Golden:
    """The golden inputs and outputs of a bundle.

    Raises:
        FatalError: the file is missing or too short for what the manifest says.
    """
    info, path = manifest.golden, bundle / manifest.golden.file
    image_shape = (info.n, manifest.preprocess.height, manifest.preprocess.width, 3)
    logit_shape = (info.n, *manifest.output.shape[1:])
    try:
        data = path.read_bytes()
        images = np.frombuffer(data, np.uint8, int(np.prod(image_shape)), info.images_offset)
        logits = np.frombuffer(data, "<f4", int(np.prod(logit_shape)), info.logits_offset)
    except (OSError, ValueError) as error:
        raise FatalError(
            str(path), f"cannot be read ({error})", "copy the bundle to the board again"
        ) from None
    return Golden(images.reshape(image_shape), logits.reshape(logit_shape).astype(np.float32))
