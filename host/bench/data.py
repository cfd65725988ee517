"""Labelled images as tensors, and accuracy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.read.decode import greedy
from device_runtime.sources.files import image_files, label_of
from host.bench.schema import DataSet
from host.quantize.calibration import pick, read_images
from lprnet.network.alphabet import Alphabet

TIMED_IMAGES = 16
"""So many inputs are timed in turn."""


@dataclass(frozen=True, eq=False)
class Images:
    """Inputs float32[N,3,24,94] and their labels; `sources` says from where."""

    tensors: NDArray[np.float32]
    labels: tuple[str, ...]
    sources: tuple[DataSet, ...]

    def save(self, folder: Path) -> Path:
        """Write the inputs where workers read them, once for the same contents."""
        path = folder / f"inputs-{self.digest}.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".part")
            with temporary.open("wb") as file:
                np.save(file, self.tensors)
            temporary.replace(path)
        return path

    def first(self, count: int) -> Images:
        """The first *count* inputs, without their labels."""
        return Images(self.tensors[:count], (), ())

    @property
    def digest(self) -> str:
        """Hash of the inputs."""
        return hashlib.sha256(self.tensors.tobytes()).hexdigest()[:16]


def load_images(folders: Sequence[Path], limit: int | None = None) -> Images:
    """All images of *folders*, or of each the *limit* that `host.quantize.calibration.pick` picks.

    Raises:
        FatalError: a folder without images, or a file that is not an image.
    """
    files: list[Path] = []
    sources = []
    for folder in folders:
        found = image_files([folder])
        if limit is not None:
            found = pick(found, limit)
        files += found
        sources.append(DataSet(folder.resolve().name, len(found)))
    return Images(read_images(files), tuple(map(label_of, files)), tuple(sources))


def accuracy(logits: NDArray[np.float32], labels: Sequence[str], alphabet: Alphabet) -> float:
    """Share of *logits* [N,classes,steps] that decode greedily to the whole label."""
    texts = (greedy(row, alphabet.characters, alphabet.blank).text for row in logits)
    return sum(text == label for text, label in zip(texts, labels, strict=True)) / len(labels)
