"""How many plates of labelled photographs the locator finds, and how well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.geometry import fit
from device_runtime.locate.locator import Floats, Found, Locator
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.matching import corner_error, match
from lprnet.scenes.frames import Frame
from lprnet.scenes.generator import Generator
from lprnet.scenes.scene import Role
from lprnet.scenes.stock import Stock

WIDTHS = (0, 16, 20, 25, 32, 48, np.inf)
"""px in the first look's input: limits of the classes of plates."""


@dataclass(frozen=True)
class Labelled:
    """A labelled plate and what was found of it.

    Attributes:
        width: px in the first look's input.
        found: whether a box met it.
        corner_error: mean distance of its corners from the found ones, in plate heights; None where it was
            not found or its corners are not known.
    """

    width: float
    found: bool
    corner_error: float | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """One photograph: its labelled plates, all that was found, and which of that meets no label (bool[N])."""

    photograph: Photograph
    plates: tuple[Labelled, ...]
    found: Found
    unmatched: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Over a set of photographs.

    Attributes:
        photographs: how many.
        n: labelled plates.
        found: of these, at an intersection over union of at least `matching.LEAST_OVERLAP`.
        false_per_photo: boxes a photograph that meet no label. Real plates without a label count among them:
            look before believing it.
        corner_error: median over plates of `Labelled.corner_error`; None where no corners are known.
        by_width: n and found, by a plate's width in the first look's input, px.
    """

    photographs: int
    n: int
    found: int
    false_per_photo: float
    corner_error: float | None
    by_width: dict[str, tuple[int, int]]


def measure(
    locator: Locator, photographs: Iterable[Photograph], thresholds: Sequence[float]
) -> list[list[Outcome]]:
    """What *locator* finds on *photographs*, at each of *thresholds*: one list a threshold.

    Raises:
        FatalError: a photograph cannot be read.
    """
    outcomes: list[list[Outcome]] = [[] for _ in thresholds]
    for photograph in photographs:
        image = photograph.read()
        scale = min(fit(image.shape[1], image.shape[0], locator.search.area).scale)
        found = locator.locate(image, min(thresholds))
        for threshold, those in zip(thresholds, outcomes, strict=True):
            those.append(compare(photograph, found.take(found.scores >= threshold), scale))
    return outcomes


def rendered(seed: int, count: int, frames: tuple[Frame, ...] = ()) -> list[Photograph]:
    """The scenes of *seed* at twice the size that training has them, as photographs: 640 × 640 pixels.

    Their corners are exact, which those that people label are not.
    """
    generator = Generator(seed, size=640, finer=2, stock=Stock(seed), frames=frames)
    photographs = []
    for number in range(count):
        scene = generator.scene(number)
        labels = [
            (
                LabelledPlate(
                    (*_point(plate.corners.min(0)), *_point(plate.corners.max(0))),
                    plate.corners if plate.role == Role.CORNERS else None,
                ),
                plate.role == Role.IGNORED,
            )
            for plate in scene.plates
        ]
        photographs.append(
            Photograph(
                path=Path(f"rendered {number}"),
                plates=tuple(label for label, ignored in labels if not ignored),
                ignored=tuple(label for label, ignored in labels if ignored),
                image=scene.image,
            )
        )
    return photographs


def _point(point: Floats) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def compare(photograph: Photograph, found: Found, scale: float) -> Outcome:
    """Match what was *found* with the labels, in falling order of overlap; each label and box once.

    *scale* is pixels of the first look's input a pixel of the photograph.
    """
    matched = match(photograph, found.corners)
    plates = tuple(
        Labelled(
            plate.width * scale,
            i in matched.box_of,
            corner_error(plate.corners, found.corners[matched.box_of[i]])
            if i in matched.box_of and plate.corners is not None
            else None,
        )
        for i, plate in enumerate(photograph.plates)
    )
    return Outcome(photograph, plates, found, matched.false)


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Sums over *outcomes*."""
    plates = [plate for outcome in outcomes for plate in outcome.plates]
    errors = [plate.corner_error for plate in plates if plate.corner_error is not None]
    by_width = {}
    for low, high in pairwise(WIDTHS):
        those = [plate for plate in plates if low <= plate.width < high]
        name = f"{low}–{high}" if np.isfinite(high) else f"from {low}"
        by_width[name] = (len(those), sum(plate.found for plate in those))
    return Figures(
        photographs=len(outcomes),
        n=len(plates),
        found=sum(plate.found for plate in plates),
        false_per_photo=sum(int(o.unmatched.sum()) for o in outcomes) / max(len(outcomes), 1),
        corner_error=float(np.median(errors)) if errors else None,
        by_width=by_width,
    )
