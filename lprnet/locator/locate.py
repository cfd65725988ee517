"""Both looks one after the other: from a frame to its plates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lprnet.locator.decode import OVERLAP, Floats, Found, decode, surviving
from lprnet.locator.geometry import (
    AREA,
    VIEW_HEIGHT,
    VIEW_PLATE,
    VIEW_WIDTH,
    cut_view,
    fit,
    inverse,
    letterbox,
    transform,
    view_matrix,
)
from lprnet.locator.network import LocatorNet, Look, input_of

Image = NDArray[np.uint8]
Run = Callable[[Image, Look], Floats]
"""The network: an input uint8[H,W,3] BGR and which look → float32[11,H/8,W/8]."""

FIRST = 0.25
"""Weight of the first look's score in the geometric mean of both.

It sees less of the plate and more around it. Chosen on rendered scenes and the ride that was held out.
"""


def in_torch(model: LocatorNet) -> Run:
    """*model*, which is in evaluation mode, in float32."""

    def run(image: Image, look: Look) -> Floats:
        with torch.no_grad():
            return np.asarray(model(input_of(torch.from_numpy(image)[None]), look)[0].float().numpy())

    return run


@dataclass(frozen=True)
class Locator:
    """Finds plates.

    Attributes:
        run: the network.
        area: px of the first look's input, at most.
        proposing: score from which on the first look's plates are looked at again.
        looks: how many of them, the surest first; 0 leaves it at the first look.
        sure: score from which on more than `looks` of them are looked at, as where a street has many plates.
        most: how many at most even then, so that the time is bounded.
    """

    run: Run
    area: int = AREA
    proposing: float = 0.08
    looks: int = 3
    sure: float = 0.4
    most: int = 16

    def locate(self, frame: Image, threshold: float = 0.3) -> Found:
        """Plates of *frame* (uint8[H,W,3] BGR) whose score is at least *threshold*, the surest first."""
        if not self.looks:
            return self.propose(frame, threshold)
        proposals = self.propose(frame, self.proposing)
        looks = max(self.looks, int((proposals.scores >= self.sure).sum()))
        found = self.confirm(frame, proposals.take(slice(min(looks, self.most))))
        return found.take(found.scores >= threshold)

    def propose(self, frame: Image, threshold: float) -> Found:
        """What the first look finds, in pixels of the frame."""
        to = fit(frame.shape[1], frame.shape[0], self.area)
        found = decode(self.run(letterbox(frame, to), "find"), threshold)
        corners = np.asarray(found.corners / np.array(to.scale), np.float32)
        return Found(corners, found.scores, found.two_rows)

    def confirm(self, frame: Image, proposals: Found) -> Found:
        """*proposals* with the second look's corners and rows, scored by both looks (`FIRST`)."""
        again = [self._look_again(frame, corners) for corners in proposals.corners]
        seen = Found.joined(again)
        first = np.repeat(proposals.scores, [len(one) for one in again])
        scores = np.asarray(first**FIRST * seen.scores ** (1 - FIRST), np.float32)
        found = Found(seen.corners, scores, seen.two_rows).take(np.argsort(-scores, kind="stable"))
        return found.take(surviving(found.corners, OVERLAP))

    def _look_again(self, frame: Image, corners: Floats) -> Found:
        """The surest plate near the middle of the view of *corners*, if there is any."""
        matrix = view_matrix(corners)
        found = decode(self.run(cut_view(frame, matrix), "look"), 0.02)
        offset = np.abs(found.corners.mean(1) - np.array([VIEW_WIDTH, VIEW_HEIGHT]) / 2)
        found = found.take(np.nonzero((offset < np.array(VIEW_PLATE) / 2).all(1))[0][:1])
        return Found(transform(found.corners, inverse(matrix)), found.scores, found.two_rows)
