"""Both looks one after the other: from a frame to its plates.

frame ─ letterbox ─ find ─ candidates ─ a view of each ─ refine ─ plates
                               ▲                            │
                               └── those that moved, again ─┘
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from device_runtime.locate.decode import OVERLAP, Candidates, Floats, decode, decode_view, logit, surviving
from device_runtime.locate.geometry import (
    AREA,
    GRID,
    Fit,
    cut,
    moved,
    view,
)
from device_runtime.locate.letterbox import letterbox
from device_runtime.locate.region import Region
from device_runtime.locate.tiles import Tile, tiles, wanted_scale
from device_runtime.locate.warp import Warp, warp
from device_runtime.sources.image import Image

Find = Callable[[Image], Floats]
"""The first network: uint8[H,W,3] BGR, H and W multiples of `geometry.GRID` → float32[11,H/8,W/8]."""
Refine = Callable[[Image], Floats]
"""The second network: a view uint8[64,128,3] BGR → float32[6,16,32]."""
Letterbox = Callable[[Image, Fit], Image]
"""A frame uint8[h,w,3] and how it fills the input → the input uint8[height,width,3]."""


MERGED = 256
"""Candidates of all tiles together, at most, the surest first."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How the scores of both looks become one: sigmoid(find · a + refine · b + offset), a and b their logits.

    Fitted on rendered scenes and held-out frames, so that a score means the same from one camera to the next.
    """

    find: float = 2.7
    refine: float = 1.0
    offset: float = -3.3

    def score(self, find_logit: float, refine_logit: float) -> float:
        """Of a plate, 0 to 1."""
        return _probability(self.find * find_logit + self.refine * refine_logit + self.offset)


@dataclass(frozen=True, kw_only=True)
class Search:
    """How much is looked at.

    Attributes:
        area: px of find's input, at most.
        size: px; the frame is looked at as large as in a square of this side, in tiles where that is larger.
        narrowest: px of the frame, width of the narrowest plate that is to be found, in tiles where need be.
        proposing: find's score from which on a candidate is looked at again.
        looks: how many candidates are, the surest first.
        sure: find's score from which on more than `looks` are, as where a street has many plates.
        clear: score of a plate from which on candidates of which find is not sure are not looked at.
        doubtful: find's score of such candidates.
        most: views a frame, at most, so that the time is bounded.
        moved: px of the view; a plate whose corners a look moved by more is looked at once more.
        again: score from which on it is; a plate that is seen askew may be doubtful at first.
        threshold: score from which on a plate is one.
    """

    area: int = AREA
    size: int | None = None
    narrowest: int | None = None
    proposing: float = 0.08
    looks: int = 3
    sure: float = 0.4
    clear: float = 0.9
    doubtful: float = 0.3
    most: int = 24
    moved: float = 1.0
    again: float = 0.05
    threshold: float = 0.5


@dataclass(frozen=True, eq=False)
class Found:
    """N plates of a frame, the surest first.

    Attributes:
        corners: float32[N,4,2], px of the frame, from the plate's top left clockwise as it is read.
        scores: float32[N], of both looks, 0 to 1.
        find_scores: float32[N], of the first look.
        refine_scores: float32[N], of the second.
        two_rows: float32[N], how sure it is, 0 to 1, that a plate has two rows of text.
    """

    corners: Floats
    scores: Floats
    find_scores: Floats
    refine_scores: Floats
    two_rows: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Found:
        """Those that *chosen* indexes."""
        return Found(
            self.corners[chosen],
            self.scores[chosen],
            self.find_scores[chosen],
            self.refine_scores[chosen],
            self.two_rows[chosen],
        )


class Near(NamedTuple):
    """The plate that was found near a guess.

    Attributes:
        corners: float32[4,2], px of the image.
        two_rows: how sure it is, 0 to 1, that it has two rows of text.
    """

    corners: Floats
    two_rows: float


class _Plate(NamedTuple):
    """One candidate and what the last look at it says, in px of the frame."""

    corners: Floats
    score: float
    find_logit: float
    refine_logit: float
    rows_logit: float
    moved: float


@dataclass(frozen=True)
class Locator:
    """Finds the plates of a frame with two networks.

    Attributes:
        find: proposes.
        refine: verifies, and says where the corners are.
        letterbox: scales a frame into find's input.
        warp: sees a picture through a homography.
        scoring: how both scores become one.
        search: how much is looked at.
    """

    find: Find
    refine: Refine
    letterbox: Letterbox = letterbox
    warp: Warp = warp
    scoring: Scoring = Scoring()
    search: Search = Search()

    def locate(self, frame: Image, threshold: float | None = None, region: Region | None = None) -> Found:
        """Plates of *frame* (uint8[H,W,3] BGR) whose score is at least *threshold*, the surest first.

        Args:
            threshold: `Search.threshold` where None.
            region: where a plate's middle has to be; anywhere where None.

        Raises:
            FatalError: the region is not within the frame, or `Search` asks for too many tiles.
        """
        least = self.search.threshold if threshold is None else threshold
        found = self.verify(frame, self.propose(frame, region), least)
        return found if region is None else found.take(_inside(found.corners, region))

    def propose(self, frame: Image, region: Region | None = None) -> Candidates:
        """What the first look finds with a score of at least `Search.proposing`, in px of the frame.

        Raises:
            FatalError: as `locate`.
        """
        search = self.search
        part = frame if region is None else region.within(frame)
        height, width = part.shape[:2]
        scale = 0.0
        if search.size or search.narrowest:
            scale = wanted_scale(width, height, search.size, search.narrowest)
        area = min(search.area, search.size**2) if search.size else search.area
        looks = tiles(width, height, max(area, GRID**2), scale)
        found = [self._propose(part, tile) for tile in looks]
        proposed = found[0] if len(found) == 1 else _merged(found)
        if region is None:
            return proposed
        corners = proposed.corners + np.array(region.box[:2], np.float32)
        return Candidates(corners, proposed.scores, proposed.two_rows).take(_inside(corners, region))

    def _propose(self, image: Image, tile: Tile) -> Candidates:
        """What is found in one tile, in px of *image*."""
        to, (height, width) = tile.fit, image.shape[:2]
        if not tile.whole:
            image = image[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        found = decode(self.find(self.letterbox(image, to)), self.search.proposing)
        if not len(found):
            return found
        corners = np.asarray(found.corners / np.array(to.scale, np.float32), np.float32)
        if tile.whole:
            return Candidates(corners, found.scores, found.two_rows)
        # What a tile's edge cuts is whole in another one, unless it is the frame's edge, too.
        spare = 1 / np.array(to.scale)
        low, high = np.array([tile.x, tile.y]), np.array([tile.x + tile.width, tile.y + tile.height])
        least = np.where(low > 0, spare, -np.inf)
        most = np.where(high < (width, height), high - low - spare, np.inf)
        whole = ((corners.min(1) > least) & (corners.max(1) < most)).all(1)
        moved = corners + np.array([tile.x, tile.y], np.float32)
        return Candidates(moved, found.scores, found.two_rows).take(whole)

    def verify(self, frame: Image, candidates: Candidates, threshold: float) -> Found:
        """Those of *candidates*, the surest first, that the second look takes for plates too."""
        search, plates, clear = self.search, list[_Plate](), False
        for i, score in enumerate(candidates.scores[: search.most].tolist()):
            # Sorted: what follows is even less sure.
            if (i >= search.looks and score < search.sure) or (clear and score < search.doubtful):
                break
            plates.append(self._look(frame, candidates.corners[i], logit(min(max(score, 1e-6), 1 - 1e-6))))
            clear = clear or plates[-1].score >= search.clear
        looks_left = search.most - len(plates)
        # Where a plate is clear, what is doubtful beside it stays so.
        least = threshold if clear else min(search.again, threshold)
        plates = _distinct([plate for plate in plates if plate.score >= least])
        for i, plate in enumerate(plates[:looks_left]):
            if plate.moved > search.moved:
                plates[i] = self._look(frame, plate.corners, plate.find_logit)
        return _found(_distinct([plate for plate in plates if plate.score >= threshold]))

    def near(self, image: Image, corners: Floats) -> Near:
        """The plate near *corners*, float32[4,2] in *image*, by a look there and one where it was found."""
        plate = self._look(image, self._look(image, corners, 0.0).corners, 0.0)
        return Near(plate.corners, _probability(plate.rows_logit))

    def _look(self, frame: Image, corners: Floats, find_logit: float) -> _Plate:
        """*corners* as the second look at them has them."""
        look = view(corners.tolist())
        seen = decode_view(self.refine(cut(frame, look.to_frame, self.warp)))
        points, left, top, right, bottom = seen.corners.tolist(), look.left, look.top, look.right, look.bottom
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
        return _Plate(
            corners=np.array(moved(points, look.to_frame), np.float32),
            score=self.scoring.score(find_logit, seen.logit),
            find_logit=find_logit,
            refine_logit=seen.logit,
            rows_logit=seen.rows_logit,
            moved=max(
                *(abs(x0 - left), abs(x1 - right), abs(x2 - right), abs(x3 - left)),
                *(abs(y0 - top), abs(y1 - top), abs(y2 - bottom), abs(y3 - bottom)),
            ),
        )


def _merged(parts: list[Candidates]) -> Candidates:
    """Those of all tiles, the surest first, each plate once."""
    found = Candidates.joined(parts)
    found = found.take((-found.scores).argsort(kind="stable")[:MERGED])
    return found.take(surviving(found.corners, OVERLAP))


def _inside(corners: Floats, region: Region) -> NDArray[np.bool_]:
    """Which of float32[N,4,2] have their middle in *region*."""
    return np.array([region.contains(x, y) for x, y in corners.mean(1).tolist()], np.bool_)


def _distinct(plates: list[_Plate]) -> list[_Plate]:
    """The surest first, without those that overlap a surer one."""
    plates = sorted(plates, key=lambda plate: -plate.score)
    if len(plates) < 2:
        return plates
    return [plates[i] for i in surviving(np.stack([plate.corners for plate in plates]), OVERLAP)]


def _found(plates: list[_Plate]) -> Found:
    columns = (
        [plate.score for plate in plates],
        [_probability(plate.find_logit) for plate in plates],
        [_probability(plate.refine_logit) for plate in plates],
        [_probability(plate.rows_logit) for plate in plates],
    )
    corners = np.array([plate.corners for plate in plates], np.float32).reshape(-1, 4, 2)
    return Found(corners, *np.array(columns, np.float32))


def _probability(value: float) -> float:
    return 1 / (1 + math.exp(-min(max(value, -60.0), 60.0)))
