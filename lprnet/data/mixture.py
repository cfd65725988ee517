"""Rendered and real crops, mixed into batches."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from device_runtime.bundle.manifest import PreprocessInfo
from device_runtime.read.preprocess import DEFAULT, prepare, resize
from lprnet.data.dataset import Sample
from lprnet.plates import render
from lprnet.plates.camera import rephotograph
from lprnet.plates.pixels import Floats, Image
from lprnet.plates.recombine import Stock
from lprnet.plates.shares import Shares

SHRUNK = (24.0, 62.0)
"""px: widths of samples that are shrunk."""
RawBatch = tuple[Image, tuple[str, ...]]
"""uint8[N,24,94,3] BGR and N labels."""


def to_input(images: Image, spec: PreprocessInfo = DEFAULT) -> Floats:
    """uint8[N,24,94,3] BGR → float32[N,3,24,94], by the arithmetic of `read.preprocess`, on a batch."""
    out = np.empty((len(images), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for image, tensor in zip(images, out, strict=True):
        prepare(image, tensor[None], spec)
    return out


def fewer(image: Image, width: int) -> Image:
    """*image* shrunk to *width* px, means of areas, and enlarged again as a board does: uint8[24,94,3]."""
    height = max(round(image.shape[0] * width / image.shape[1]), 4)
    return resize(np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8))


@dataclass(frozen=True)
class Batch:
    """Samples as the network takes them.

    Attributes:
        images: float32[N,3,24,94].
        texts: the label of each.
        taught: a teacher's logits float16[N,num_classes,18], where they are kept.
    """

    images: Floats
    texts: tuple[str, ...]
    taught: NDArray[np.float16] | None = None


class Source(Protocol):
    """Samples by chance."""

    def sample(self, rng: Generator, strength: float) -> Sample:
        """A crop uint8[24,94,3] BGR and its text, "" on what is no plate; *strength* of its distortions."""
        ...

    def digest(self) -> str:
        """Of all that the samples depend on, but for code."""
        ...


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
        located: other samples, as a locator delivers them.
        located_fraction: share of samples that are from there, before all other shares.
        shrunk: share of the other samples that have fewer pixels (`SHRUNK`), as if they were far away.
        boxed: share of the rendered plates that are cut out by upright boxes; `located` has its own.
    """

    seed: int
    _: KW_ONLY
    real: tuple[Sample, ...] = ()
    real_fraction: float = 0.0
    ramp: int = 0
    kind: str | None = None
    stock: Stock | None = None
    recombined: float = 0.5
    located: Source | None = None
    located_fraction: float = 0.0
    shrunk: float = 0.0
    boxed: float = 0.0

    def strength(self, index: int) -> float:
        """The strongest distortion of sample *index*."""
        return 1.0 if index >= self.ramp else 0.3 + 0.7 * index / self.ramp

    @cached_property
    def _shares(self) -> Shares:
        return Shares.evened([text[0] for _, text in self.real], 0.5)

    def sample(self, index: int) -> Sample:
        """Sample number *index*: uint8[24,94,3] BGR and its text."""
        rng: Generator = np.random.Generator(np.random.PCG64((self.seed << 40) + (1 << 39) + index))
        strength = self.strength(index) * rng.uniform(0.6, 1.1)
        if self.located is not None and rng.random() < self.located_fraction:
            return self.located.sample(rng, strength)
        width = float(rng.uniform(*SHRUNK)) if self.shrunk and rng.random() < self.shrunk else None
        image, text = self._other(rng, index, strength)
        return (image if width is None else fewer(image, round(width))), text

    def _other(self, rng: Generator, index: int, strength: float) -> Sample:
        """A sample that is from nowhere else."""
        if self.real and rng.random() < self.real_fraction:
            if self.stock is not None and rng.random() < self.recombined:
                return self.stock.sample(rng, strength)
            image, text = self.real[self._shares.draw(rng)]
            return rephotograph(rng, image, strength), text
        boxed = bool(self.boxed) and rng.random() < self.boxed
        crop = render(self.seed, index, strength, self.kind, boxed=boxed)
        return crop.image, crop.text

    def raw_batch(self, start: int, size: int) -> RawBatch:
        """Samples *start* to *start* + *size*: uint8[size,24,94,3] and their labels."""
        images, texts = zip(*(self.sample(i) for i in range(start, start + size)), strict=True)
        return np.stack(images), texts

    def batch(self, start: int, size: int) -> Batch:
        """Like `raw_batch`, as the network's input."""
        images, texts = self.raw_batch(start, size)
        return Batch(to_input(images), texts)
