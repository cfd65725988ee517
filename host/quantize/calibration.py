"""Images that show a quantizer what the network will see; the peers' quantizers see the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.bundle.manifest import PreprocessInfo
from device_runtime.errors import FatalError
from device_runtime.read.preprocess import DEFAULT, prepare
from device_runtime.sources.files import image_files, label_of
from device_runtime.sources.image import read_image
from host.paths import KOREAN_SAMPLES, LATIN_SAMPLES, SAMPLES
from lprnet.network.alphabet import Alphabet

CALIBRATION_IMAGES = 256
"""Most images that int8 ranges are taken from."""


def samples_for(alphabet: Alphabet) -> Path:
    """The folder of samples for *alphabet*: Chinese or Korean plates if it can read any of them."""
    for folder in (SAMPLES, KOREAN_SAMPLES):
        if any(not alphabet.unknown(label_of(path)) for path in image_files([folder])):
            return folder
    return LATIN_SAMPLES


def pick(paths: Sequence[Path], count: int) -> list[Path]:
    """Up to *count* of *paths* in their order, evenly spread, the first and the last among them."""
    places = np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))
    return [paths[place] for place in places]


def read_images(paths: Sequence[Path], spec: PreprocessInfo = DEFAULT) -> NDArray[np.float32]:
    """Images as inputs float32[N,3,24,94].

    Raises:
        FatalError: one cannot be read.
    """
    inputs = np.empty((len(paths), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for path, tensor in zip(paths, inputs, strict=True):
        prepare(read_image(path), tensor[None], spec)
    return inputs


def read_samples(
    source: Path, count: int = CALIBRATION_IMAGES, spec: PreprocessInfo = DEFAULT
) -> NDArray[np.float32]:
    """Calibration inputs float32[N,3,24,94].

    Args:
        source: a folder of images, of which up to *count* are picked, or an `.npy` file of inputs that
            have been picked already.
        spec: how images become inputs.

    Raises:
        FatalError: no images there, one that cannot be read, or a file of something else.
    """
    if source.is_dir() or source.suffix != ".npy":
        return read_images(pick(image_files([source]), count), spec)
    try:
        inputs = np.load(source, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise FatalError(str(source), f"cannot be read ({error})", "give a folder of images") from None
    shape = (3, DEFAULT.height, DEFAULT.width)
    if inputs.dtype != np.float32 or inputs.shape[1:] != shape or not len(inputs):
        why = f"holds {inputs.dtype}{list(inputs.shape)}, no float32[N,{','.join(map(str, shape))}]"
        raise FatalError(str(source), why, "give a folder of images")
    return inputs
