"""Rendered license plates: endless labelled training data, deterministic by seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lprnet.plates.camera import photograph
from lprnet.plates.pixels import Image
from lprnet.plates.plate import random_plate


@dataclass(frozen=True)
class Crop:
    """A labelled crop.

    Attributes:
        image: uint8[24,94,3] BGR.
        text: the characters on the plate.
        kind: the name of its kind.
    """

    image: Image
    text: str
    kind: str


def render(
    seed: int,
    index: int,
    strength: float = 1.0,
    kind: str | None = None,
    text: str | None = None,
    *,
    boxed: bool = False,
) -> Crop:
    """Crop number *index* of the stream *seed*; the same arguments always give the same crop.

    Args:
        seed: names an independent stream of crops.
        index: number of the crop in its stream.
        strength: of the camera's distortions (see `photograph`).
        kind: a name in `KINDS` or `MIXES` of `lprnet.plates.kinds`; drawn from the default mix if None.
        text: what to write; random and fitting to *kind* if None.
        boxed: cut out by an upright box (see `photograph`).

    Raises:
        KeyError: no such kind or mix, or a character without a glyph.
        ValueError: *text* has another length than *kind* has places.
    """
    rng = np.random.Generator(np.random.PCG64((seed << 40) + index))
    plate = random_plate(rng, kind, text)
    return Crop(photograph(rng, plate.image, strength, boxed=boxed), plate.text, plate.kind.name)


def stream(seed: int, start: int = 0, strength: float = 1.0, kind: str | None = None) -> Iterator[Crop]:
    """Crops *start*, *start* + 1, … of the stream *seed*."""
    index = start
    while True:
        yield render(seed, index, strength, kind)
        index += 1
