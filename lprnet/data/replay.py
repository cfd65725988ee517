"""Samples drawn all the time and seen again meanwhile, where a network learns faster than they are drawn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from lprnet.data.loader import Numbered, raw_batches
from lprnet.data.mixture import Batch, RawBatch, to_input
from lprnet.network.model import HEIGHT, WIDTH
from lprnet.plates.pixels import Image

RECENT = 0.6
"""Exponent of the draw: a place in the reservoir is u to this power, u uniform, so that samples that came
late are seen nearly as often as those that came early."""


@dataclass
class Reservoir:
    """The samples drawn so far, the last *most* of them.

    Attributes:
        most: how many are kept.
        images: uint8[most,24,94,3] BGR, the first *count* of them filled.
        texts: their labels.
        drawn: how many there have been.
    """

    most: int
    images: Image = field(init=False)
    texts: list[str] = field(default_factory=list)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.images = np.empty((self.most, HEIGHT, WIDTH, 3), np.uint8)

    def add(self, batch: RawBatch) -> None:
        """Keep the samples of *batch*; where all places are taken, in those of the oldest."""
        for image, text in zip(*batch, strict=True):
            place = self.drawn % self.most
            self.images[place] = image
            if place == len(self.texts):
                self.texts.append(text)
            else:
                self.texts[place] = text
            self.drawn += 1

    def pick(self, rng: Generator, size: int) -> RawBatch:
        """*size* of the samples, the later ones more often (`RECENT`)."""
        count = len(self.texts)
        ages = count - 1 - np.minimum((rng.random(size) ** RECENT * count).astype(int), count - 1)
        places = (self.drawn - 1 - ages) % count
        return self.images[places], tuple(self.texts[place] for place in places)


@contextmanager
def replayed(
    samples: Numbered[RawBatch], start: int, size: int, workers: int, most: int, seed: int
) -> Iterator[Iterator[Batch]]:
    """Batches of *size* as soon as they are wanted, from the last *most* samples that *workers* drew.

    They begin when a tenth of *most*, or *size*, has been drawn, and are other ones in every run: how many
    samples there are when a batch is put together depends on the machine.

    Args:
        start: number of the first sample to draw.
        seed: of what is picked.

    Raises:
        RuntimeError: a process ended that nobody told to.
    """
    reservoir = Reservoir(most)
    changed = threading.Condition()
    ended: list[BaseException] = []
    closing = threading.Event()

    def fill(source: Iterator[RawBatch]) -> None:
        try:
            for batch in source:
                with changed:
                    reservoir.add(batch)
                    changed.notify()
                if closing.is_set():
                    return
        except BaseException as error:
            with changed:
                ended.append(error)
                changed.notify()

    def picked() -> Iterator[Batch]:
        rng = np.random.default_rng((seed, start))
        enough = max(most // 10, size)
        while True:
            with changed:
                changed.wait_for(lambda: ended or len(reservoir.texts) >= enough)
                if ended:
                    raise ended[0]
                images, texts = reservoir.pick(rng, size)
            yield Batch(to_input(images), texts)

    with raw_batches(samples, start, size, max(workers, 1)) as source:
        thread = threading.Thread(target=fill, args=(source,), daemon=True)
        thread.start()
        try:
            yield picked()
        finally:
            closing.set()
            thread.join()
