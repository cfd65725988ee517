"""Which of the plates that were found are the labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.decode import Floats, intersection_over_union
from lprnet.data.photographs import LabelledPlate, Photograph

LEAST_OVERLAP, MOST_OVERLAP = 0.5, 0.1
"""Intersection over union of hulls: a plate is found from the first on; what has no label with more than the
second is a false box."""


@dataclass(frozen=True, eq=False)
class Match:
    """Found plates and labels of one photograph.

    Attributes:
        box_of: the found plate that is a label's, by the label's index.
        meets: bool[labels,found], which overlap by more than `MOST_OVERLAP`.
        false: bool[found], which meet neither a label nor an ignored plate.
    """

    box_of: dict[int, int]
    meets: NDArray[np.bool_]
    false: NDArray[np.bool_]


def match(photograph: Photograph, corners: Floats) -> Match:
    """Match plates found at *corners* float32[N,4,2] with the labels, the best overlap first, each once."""
    hulls = np.concatenate([corners.min(1), corners.max(1)], 1)
    overlaps = intersection_over_union(_boxes(photograph.plates), hulls)
    matched: dict[int, int] = {}
    for flat in np.argsort(-overlaps, axis=None):
        label, box = divmod(int(flat), max(len(corners), 1))
        if overlaps[label, box] < LEAST_OVERLAP:
            break
        if label not in matched and box not in matched.values():
            matched[label] = box
    meets = overlaps > MOST_OVERLAP
    ignored = intersection_over_union(_boxes(photograph.ignored), hulls) > MOST_OVERLAP
    false = np.asarray(~(meets.any(0) | ignored.any(0)), np.bool_)
    return Match(matched, meets, false)


def corner_error(labelled: Floats, found: Floats) -> float:
    """Mean distance of the four corners of float32[4,2] over the mean length of the labelled sides."""
    height = np.linalg.norm((labelled[3] - labelled[0] + labelled[2] - labelled[1]) / 2)
    return float(np.linalg.norm(labelled - found, axis=1).mean() / height)


def _boxes(plates: Sequence[LabelledPlate]) -> Floats:
    return np.array([plate.box for plate in plates], np.float32).reshape(-1, 4)
