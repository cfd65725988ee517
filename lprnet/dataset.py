"""Labelled crops from folders and the mixture of rendered and real crops that training sees."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.preprocess import DEFAULT, prepare, read_image
from device_runtime.sources import image_files, label_of
from lprnet.alphabet import Alphabet
from lprnet.plates import render
from lprnet.plates.camera import rephotograph
from lprnet.plates.recombine import Stock
from lprnet.shares import Shares

Image = NDArray[np.uint8]
MAX_LABEL = 9
"""Characters: 18 CTC steps hold 9 characters even when all of them are equal."""


@dataclass(frozen=True)
class Labelled:
    """An image file and the text on its plate."""

    path: Path
    text: str

    def read(self) -> Image:
        """uint8[H,W,3] BGR.

        Raises:
            FatalError: the file is missing or no image.
        """
        return read_image(self.path)


def from_folder(folder: Path) -> list[Labelled]:
    """Images of *folder*, sorted by name; the name up to the first `_`, `-` or the suffix is the label.

    Raises:
        FatalError: no such folder, or no images in it.
    """
    if not folder.is_dir():
        raise FatalError(str(folder), "no such folder", "give a folder of labelled images")
    return [Labelled(path, label_of(path)) for path in image_files([folder])]


def from_csv(table: Path, folder: Path) -> list[Labelled]:
    """Rows `file,label` of *table*, files relative to *folder*; a header row with these names is skipped.

    Raises:
        FatalError: no such table or file, a row without exactly two fields, or no rows.
    """
    try:
        rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(str(table), str(error), "give a UTF-8 CSV file with rows file,label") from None
    labelled = []
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and [c.strip().lower() for c in row] == ["file", "label"]):
            continue
        if len(row) != 2 or not row[0].strip() or not row[1].strip():
            raise FatalError(f"{table}:{number}", "not two fields", "write rows as file,label")
        path = folder / row[0].strip()
        if not path.is_file():
            raise FatalError(f"{table}:{number}", f"no file {path}", "correct the path or remove the row")
        labelled.append(Labelled(path, row[1].strip()))
    if not labelled:
        raise FatalError(str(table), "no rows", "write rows as file,label")
    return labelled


def check_labels(items: list[Labelled], alphabet: Alphabet) -> None:
    """Raise a FatalError naming the first label that the network cannot learn."""
    for item in items:
        if unknown := alphabet.unknown(item.text):
            raise FatalError(
                f"label of {item.path.name}",
                f"'{min(unknown)}' is not in the alphabet",
                "correct the label, or give an --alphabet with the character",
            )
        if not 1 <= len(item.text) <= MAX_LABEL:
            raise FatalError(
                f"label of {item.path.name}",
                f"{len(item.text)} characters",
                f"labels have 1 to {MAX_LABEL} characters",
            )


def to_input(images: Image) -> NDArray[np.float32]:
    """uint8[N,24,94,3] BGR → float32[N,3,24,94], the arithmetic of `device_runtime.preprocess` on a batch."""
    out = np.empty((len(images), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for image, tensor in zip(images, out, strict=True):
        prepare(image, tensor[None])
    return out


@dataclass(frozen=True)
class Batch:
    """float32[N,3,24,94], the label of each sample, and a teacher's logits [N,num_classes,18] if kept."""

    images: NDArray[np.float32]
    texts: tuple[str, ...]
    taught: NDArray[np.float16] | None = None


@dataclass(frozen=True)
class Mixture:
    """Training samples, numbered: sample *i* is the same in every run, however often it was interrupted.

    Attributes:
        seed: stream of rendered plates and of every random choice.
        real: real crops and their labels, uint8[H,W,3] BGR. A frequent first character (nearly every plate of
            one city has the same) is drawn in proportion to the square root of its share, not its share.
        real_fraction: share of samples that are (augmented) real crops.
        ramp: samples over which the distortions grow from a third to full strength. Full strength itself is
            drawn for each sample, so that hardly readable plates do not crowd out ordinary ones.
        kind: kind or mix of the rendered plates (see `render`).
        stock: real crops to recombine characters of.
        recombined: share of the real samples that are recombined, where there is a stock.
    """

    seed: int
    real: tuple[tuple[Image, str], ...] = ()
    real_fraction: float = 0.0
    ramp: int = 0
    kind: str | None = None
    stock: Stock | None = None
    recombined: float = 0.5

    def strength(self, index: int) -> float:
        """The strongest distortion of sample *index*."""
        return 1.0 if index >= self.ramp else 0.3 + 0.7 * index / self.ramp

    @cached_property
    def _shares(self) -> Shares:
        return Shares.evened([text[0] for _, text in self.real], 0.5)

    def sample(self, index: int) -> tuple[Image, str]:
        rng: Generator = np.random.Generator(np.random.PCG64((self.seed << 40) + (1 << 39) + index))
        strength = self.strength(index) * rng.uniform(0.6, 1.1)
        if self.real and rng.random() < self.real_fraction:
            if self.stock is not None and rng.random() < self.recombined:
                return self.stock.sample(rng, strength)
            image, text = self.real[self._shares.draw(rng)]
            return rephotograph(rng, image, strength), text
        crop = render(self.seed, index, strength, self.kind)
        return crop.image, crop.text

    def raw_batch(self, start: int, size: int) -> tuple[Image, tuple[str, ...]]:
        """Samples *start* to *start* + *size*: uint8[size,24,94,3] and their labels."""
        images, texts = zip(*(self.sample(i) for i in range(start, start + size)), strict=True)
        return np.stack(images), texts

    def batch(self, start: int, size: int) -> Batch:
        """Like `raw_batch`, as the network's input."""
        images, texts = self.raw_batch(start, size)
        return Batch(to_input(images), texts)
