"""Plates to put into scenes: rendered ones, each drawn once, and real ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.random import Generator

from lprnet.plates.kinds import CHINESE, KINDS, MIXES
from lprnet.plates.plate import random_plate
from lprnet.scenes.face import Face, stacked
from lprnet.scenes.world import random_world_plate

_STREAM = 1
"""Of a seed's random numbers, for the plates."""
COARSEST = 1.5
"""px of a scene a px of a real plate, at most."""
STACKED, CUT = 0.35, (0.29, 0.37)
"""How often a real plate is cut in two rows, and at which shares of its width: the third of seven characters
begins at a third."""
TWO_ROWS = tuple(name for name, kind in KINDS.items() if kind.rows == 2 and name not in CHINESE)
"""Kinds with two rows of all countries but China."""
_COMMON = ("blue", "yellow", "green-small", "yellow-double", "yellow-double")


def rendered(rng: Generator, kind: str) -> Face:
    """A plate of a kind or mix of `plates.kinds`.

    Raises:
        KeyError: no such kind or mix.
    """
    plate = random_plate(rng, kind)
    return Face(plate.image, plate.kind.rows, plate.text, plate.kind.name)


@dataclass(frozen=True)
class Stock:
    """`count` plates of many kinds and countries, by number; the same for the same `seed`.

    A plate is drawn when it is first asked for, which takes 1–3 ms, and kept (50 KB).

    Attributes:
        seed: of the plates.
        count: how many there are.
        chinese: share of Chinese plates, those with two rows included.
        european: share of German and Dutch ones.
        two_rows: share of `TWO_ROWS`, one kind as often as another; all other plates are `world.DESIGNS`.
        real: real plates (`real.read_faces`); may be empty.
        from_real: how often one of these is taken where it is not too coarse.
    """

    seed: int
    count: int = 4000
    chinese: float = 0.36
    european: float = 0.08
    two_rows: float = 0.16
    real: tuple[Face, ...] = ()
    from_real: float = 0.18
    _drawn: dict[int, Face] = field(default_factory=dict, compare=False, repr=False)

    def face(self, number: int) -> Face:
        """Plate *number*, counted modulo `count`."""
        number %= self.count
        if number not in self._drawn:
            self._drawn[number] = self._draw(np.random.default_rng((self.seed, _STREAM, number)))
        return self._drawn[number]

    def random_face(self, rng: Generator, width: float = 0.0) -> Face:
        """Any plate that is to be *width* px wide in the scene."""
        if self.real and rng.random() < self.from_real:
            face = self.real[int(rng.integers(len(self.real)))]
            if rng.random() < STACKED:
                face = replace(face, image=stacked(face.image, rng.uniform(*CUT)), rows=2)
            if width <= COARSEST * face.image.shape[1]:
                return _with_margin(rng, face)
        return self.face(int(rng.integers(self.count)))

    def _draw(self, rng: Generator) -> Face:
        share = rng.random()
        if share < self.chinese:
            kinds = _COMMON if rng.random() < 0.6 else tuple(CHINESE)
            kind = kinds[int(rng.integers(len(kinds)))]
            return _with_margin(rng, rendered(rng, kind))
        if share < self.chinese + self.european:
            names = tuple(MIXES["eu"])
            return _with_margin(rng, rendered(rng, names[int(rng.integers(len(names)))]))
        if share < self.chinese + self.european + self.two_rows:
            return _with_margin(rng, rendered(rng, TWO_ROWS[int(rng.integers(len(TWO_ROWS)))]))
        return random_world_plate(rng)


def _with_margin(rng: Generator, face: Face) -> Face:
    """*face*, perhaps with some more of its ground around the line that frames it.

    How far that line is from the edge differs from maker to maker; who learns corners must look at the edge.
    """
    if rng.random() < 0.4:
        return face
    margin = round(face.image.shape[0] * rng.uniform(0, 0.045))
    grown = cv2.copyMakeBorder(face.image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return replace(face, image=np.asarray(grown, np.uint8))
