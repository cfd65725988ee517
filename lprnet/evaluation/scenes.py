"""How many plates of labelled photographs are found and read, from the whole photograph to the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from device_runtime.locate.decode import Floats
from lprnet.data.photographs import LabelledPlate, Photograph
from lprnet.evaluation.matching import Match, corner_error, match
from lprnet.plates.pixels import Image

WIDTHS = (0, 40, 60, 80, 120, 200, np.inf)
"""px of the photograph: limits of the classes of plates."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A plate that was found.

    Attributes:
        corners: float32[4,2], px, from the plate's top left clockwise as it is read.
        score: that it is one, 0 to 1.
        text: what it reads; empty where that is not sure enough.
        confidence: of the text, 0 to 1.
    """

    corners: Floats
    score: float
    text: str = ""
    confidence: float = 0.0

    @property
    def width(self) -> float:
        """Of its hull, px."""
        return float(np.ptp(self.corners[:, 0]))


Read = Callable[[Image], Sequence[Seen]]
"""What is measured: a photograph uint8[H,W,3] BGR → its plates."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled plate and what became of it.

    Attributes:
        label: the plate.
        found: what met it best, with at least `matching.LEAST_OVERLAP`.
        right: whether that, or another box that meets the label, has its text.
        right_but_first: the same where the first character does not count.
        corner_error: mean distance of the corners from the found ones, in plate heights; None where it was
            not found or its corners are not known.
    """

    label: LabelledPlate
    found: Seen | None
    right: bool
    right_but_first: bool
    corner_error: float | None

    @property
    def misread(self) -> bool:
        """Whether a text was read on it, and another than it has."""
        return bool(self.label.text and not self.right and self.found is not None and self.found.text)


@dataclass(frozen=True, eq=False)
class Outcome:
    """One photograph: its labelled plates, all that was found, and the part of that which meets no label."""

    photograph: Photograph
    plates: tuple[Labelled, ...]
    seen: tuple[Seen, ...]
    false: tuple[Seen, ...]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Over a set of photographs, or its plates of some widths.

    Attributes:
        n: labelled plates.
        found: of these, at an intersection over union of hulls of at least 0.5.
        labelled: of these, whose text is known.
        read: of the labelled ones, read as their label says.
        accuracy: the share of them; None where no text is known.
        accuracy_without_province: the same where the first character does not count.
        misread: labelled plates on which another text was read.
        false_per_photo: boxes a photograph that meet no label. Real plates without a label count among them:
            look before believing it.
        false_read_per_photo: those of them that were read.
        corner_error: median of `Labelled.corner_error`; None where no corners are known.
    """

    n: int
    found: int
    labelled: int
    read: int
    accuracy: float | None
    accuracy_without_province: float | None
    misread: int
    false_per_photo: float
    false_read_per_photo: float
    corner_error: float | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A set of photographs.

    Attributes:
        photographs: how many.
        total: of all plates.
        by_width: by a plate's width in the photograph, px, those classes that have any; what meets no label
            counts by its own.
    """

    photographs: int
    total: Figures
    by_width: dict[str, Figures]


def measure(read: Read, photographs: Iterable[Photograph]) -> list[Outcome]:
    """What *read* makes of *photographs*, one after the other.

    Raises:
        FatalError: a photograph cannot be read.
    """
    return [compare(photograph, read(photograph.read())) for photograph in photographs]


def compare(photograph: Photograph, seen: Sequence[Seen]) -> Outcome:
    """Match what was *seen* with the labels."""
    corners = np.array([plate.corners for plate in seen], np.float32).reshape(-1, 4, 2)
    matched = match(photograph, corners)
    return Outcome(
        photograph,
        tuple(_labelled(i, label, seen, matched) for i, label in enumerate(photograph.plates)),
        tuple(seen),
        tuple(plate for plate, false in zip(seen, matched.false, strict=True) if false),
    )


def _labelled(index: int, label: LabelledPlate, seen: Sequence[Seen], matched: Match) -> Labelled:
    found = seen[matched.box_of[index]] if index in matched.box_of else None
    texts = [plate.text for plate, meets in zip(seen, matched.meets[index], strict=True) if meets]
    known = label.text or ""
    return Labelled(
        label,
        found,
        right=bool(known) and known in texts,
        right_but_first=bool(known) and known[1:] in [text[1:] for text in texts if text],
        corner_error=corner_error(label.corners, found.corners)
        if found is not None and label.corners is not None
        else None,
    )


def summarize(outcomes: Sequence[Outcome]) -> Result:
    """Counts and shares over *outcomes*."""
    plates = [plate for outcome in outcomes for plate in outcome.plates]
    false = [seen for outcome in outcomes for seen in outcome.false]
    by_width = {}
    for low, high in pairwise(WIDTHS):
        some = [plate for plate in plates if low <= plate.label.width < high]
        others = [seen for seen in false if low <= seen.width < high]
        if some or others:
            name = f"{low}–{high}" if np.isfinite(high) else f"from {low}"
            by_width[name] = _figures(some, others, len(outcomes))
    return Result(photographs=len(outcomes), total=_figures(plates, false, len(outcomes)), by_width=by_width)


def _figures(plates: Sequence[Labelled], false: Sequence[Seen], photographs: int) -> Figures:
    labelled = [plate for plate in plates if plate.label.text]
    errors = [plate.corner_error for plate in plates if plate.corner_error is not None]
    read = sum(plate.right for plate in labelled)
    but_first = sum(plate.right_but_first for plate in labelled)
    return Figures(
        n=len(plates),
        found=sum(plate.found is not None for plate in plates),
        labelled=len(labelled),
        read=read,
        accuracy=read / len(labelled) if labelled else None,
        accuracy_without_province=but_first / len(labelled) if labelled else None,
        misread=sum(plate.misread for plate in plates),
        false_per_photo=len(false) / max(photographs, 1),
        false_read_per_photo=sum(bool(seen.text) for seen in false) / max(photographs, 1),
        corner_error=float(np.median(errors)) if errors else None,
    )
