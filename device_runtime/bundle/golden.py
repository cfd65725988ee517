"""Golden inputs and outputs: what a board must compute before it is trusted.

[n][height][width][BGR] uint8, then [n][classes][steps] float32 little-endian
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import GoldenInfo, Manifest
from device_runtime.errors import FatalError

FILE = "golden.bin"


@dataclass(frozen=True, eq=False)
class Golden:
    """What a bundle's network must compute.

    Attributes:
        images: BGR uint8 [n, height, width, 3], before preprocessing.
        logits: the host's for them, float32 [n, classes, steps].
        atol: how far a logit may be off.
    """

    images: NDArray[np.uint8]
    logits: NDArray[np.float32]
    atol: float

    @property
    def info(self) -> GoldenInfo:
        """What a manifest says of the file that `encode` makes."""
        return GoldenInfo(
            file=FILE, n=len(self.images), images_offset=0, logits_offset=self.images.nbytes, atol=self.atol
        )


def encode(golden: Golden) -> bytes:
    """The file of *golden*, laid out as `Golden.info` says."""
    return golden.images.tobytes() + golden.logits.astype("<f4").tobytes()


def decode(data: bytes, manifest: Manifest, source: str) -> Golden:
    """Golden values from where *manifest* says they lie in *data*.

    Args:
        data: the file that `manifest.golden` names.
        manifest: the bundle's.
        source: what to name in an error, usually the file's path.

    Raises:
        FatalError: *data* is too short for what the manifest says.
    """
    info = manifest.golden
    image_shape = (info.n, manifest.preprocess.height, manifest.preprocess.width, 3)
    logit_shape = (info.n, *manifest.output.shape[1:])
    try:
        images = np.frombuffer(data, np.uint8, int(np.prod(image_shape)), info.images_offset)
        logits = np.frombuffer(data, "<f4", int(np.prod(logit_shape)), info.logits_offset)
    except ValueError as error:
        raise FatalError(source, f"is too short ({error})", "copy the bundle to the board again") from None
    return Golden(images.reshape(image_shape), logits.reshape(logit_shape).astype(np.float32), info.atol)


def read_golden(bundle: Path, manifest: Manifest) -> Golden:
    """The golden inputs and outputs of a bundle.

    Raises:
        FatalError: the file cannot be read, and where `decode` raises it.
    """
    path = bundle / manifest.golden.file
    return decode(read_member(path), manifest, str(path))


def read_member(path: Path) -> bytes:
    """A file of a bundle.

    Raises:
        FatalError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        raise FatalError(str(path), why, "copy the bundle to the board again") from None
