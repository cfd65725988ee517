"""A plate that is followed over frames, and which of a frame's plates it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from numpy.typing import NDArray

from device_runtime.follow.event import Direction
from device_runtime.follow.look_alike import MOST_CHARACTERS, distance, normalised
from device_runtime.follow.outline import Outline, crosses, iou
from device_runtime.follow.settings import Settings
from device_runtime.follow.vote import Tally, ballot

FULL_WIDTH = 94.0
"""px: the reader's input; a narrower plate is enlarged and read worse."""
NEAR, FASTER, FARTHEST = 1.0, 20.0, 12.0
"""In plate widths: how far from where it is expected a plate may be, more for each second since it was seen,
and at most. A plate is half a metre wide, so that 20 a second are 36 km/h beyond what was expected."""
SCALED = 2.5
"""How much larger or smaller a plate may have become since it was seen."""
OVERLAP = 0.3
"""IoU from which two plates are in the same place."""
SOON_S, BESIDE, ALIKE = 0.35, 0.75, 1.5
"""Within so many seconds a plate is followed by its place alone, over so many plate widths from where it is
expected, if it is no more larger or smaller: no other one can have come there."""
MOVING = 0.5
"""Plate widths a second from which on a plate moves."""
ALWAYS, CERTAIN = 0.8, 0.95
"""Share of the frames, and mean score, from which a place that does not move is a plate's."""
_EXPECT_S = 1.0
"""A plate is expected to go on as it went for so long."""
_FOLLOW, _VELOCITY = 0.5, 0.5
"""Shares of a new velocity, and of a new size, in the smoothed ones."""
_GROWN, _WENT = 1.2, 1.0
"""Ratio of widths, and way in plate widths, from which there is a direction."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sighting:
    """A plate in one frame.

    Attributes:
        text: as read; empty where it could not be read: the place alone keeps a plate followed.
        character_confidences: for each character of `text`.
        score: of the locator, 0 to 1; 1 where the whole image was taken for the plate.
        outline: where it is; None where the whole image was taken for the plate.
        crop: what was read, BGR uint8[h,w,3].
    """

    text: str
    character_confidences: tuple[float, ...]
    score: float = 1.0
    outline: Outline | None = None
    crop: NDArray | None = None

    def __post_init__(self) -> None:
        if len(self.text) != len(self.character_confidences):
            raise ValueError(f"{len(self.character_confidences)} confidences for {self.text!r}")

    @property
    def weight(self) -> float:
        """How well it is seen: score × share of the reader's input pixels, 0 to 1."""
        share = min(self.outline.width / FULL_WIDTH, 1.0) if self.outline else 1.0
        return self.score * share * share

    @property
    def quality(self) -> float:
        """How good a picture it makes: `weight` × mean confidence, and a little for being large."""
        sure = sum(self.character_confidences) / max(len(self.character_confidences), 1)
        larger = 1 + 0.1 * min(self.outline.width / FULL_WIDTH, 4.0) if self.outline else 1.0
        # Any reading is better than none.
        return self.weight * max(sure, 1e-6) * larger


def plain(sighting: Sighting) -> Sighting:
    """With its text normalised and not too long, so that a confidence belongs to each character."""
    kept = [
        (capital, sure)
        for character, sure in zip(sighting.text, sighting.character_confidences, strict=True)
        for capital in normalised(character)
    ][:MOST_CHARACTERS]
    return Sighting(
        text="".join(character for character, _ in kept),
        character_confidences=tuple(sure if 0 <= sure <= 1 else 0.0 for _, sure in kept),
        score=sighting.score if 0 <= sighting.score <= 1 else 0.0,
        outline=sighting.outline,
        crop=sighting.crop,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Best:
    """Where a plate was seen best; frame and crop are None where there was no room."""

    quality: float
    source: str
    outline: Outline | None
    frame: NDArray | None
    crop: NDArray | None


class Track:
    """A plate that is being followed.

    Attributes:
        first, last: monotonic seconds of its first and its last sighting.
        tally: its readings.
        outline: where it was last.
        best: where it was seen best.
        settled: its readings agree, or one is sure: a text too different is another plate's.
        sightings: how often it was seen, read or not.
        surest: the highest confidence of a whole reading.
        widest: px, of the plate.
    """

    def __init__(
        self, sighting: Sighting, at: float, frame: NDArray | None, source: str, settings: Settings
    ) -> None:
        self.first = self.last = at
        self.tally = Tally()
        self.outline = sighting.outline
        self.best: Best | None = None
        self.settled = False
        self.surest = self.widest = 0.0
        self._velocity: tuple[float, float] | None = None
        self._begin, self._width = sighting.outline, sighting.outline.width if sighting.outline else 0.0
        self._began_width = self._width
        self._crossed = 0
        self.sightings, self._score = 0, 0.0
        self._frames = self._until = 0
        self._count(sighting, frame, source, settings)

    def expected(self, at: float) -> Outline | None:
        """Where it is at *at* if it goes on as it did."""
        if self.outline is None or self._velocity is None:
            return self.outline
        ahead = min(max(at - self.last, 0.0), _EXPECT_S)
        return self.outline.moved(self._velocity[0] * ahead, self._velocity[1] * ahead)

    def see(
        self, sighting: Sighting, at: float, frame: NDArray | None, source: str, settings: Settings
    ) -> None:
        """It is what was sighted at *at*, in *frame*."""
        before, now, since = self.outline, sighting.outline, at - self.last
        if before is not None and now is not None:
            if since > 0:
                x, y = (now.centre[0] - before.centre[0]) / since, (now.centre[1] - before.centre[1]) / since
                if self._velocity is not None:
                    x = self._velocity[0] + _VELOCITY * (x - self._velocity[0])
                    y = self._velocity[1] + _VELOCITY * (y - self._velocity[1])
                self._velocity = x, y
            if settings.line is not None:
                self._crossed = crosses(before.centre, now.centre, settings.line) or self._crossed
            self._width += _FOLLOW * (now.width - self._width)
            if self.sightings < 3:
                self._began_width += (now.width - self._began_width) / (self.sightings + 1)
        self.outline, self.last = now, at
        self._until = self._frames
        self._count(sighting, frame, source, settings)

    def _count(self, sighting: Sighting, frame: NDArray | None, source: str, settings: Settings) -> None:
        self.sightings += 1
        self._score += sighting.score
        if sighting.outline:
            self.widest = max(self.widest, sighting.outline.width)
        if sighting.text:
            self.tally.add(ballot(sighting.text, sighting.character_confidences, sighting.weight))
            self.surest = max(self.surest, math.prod(sighting.character_confidences))
            self.settled = self.settled or self.surest >= settings.sure or self.tally.agreeing >= 2
        if self.best is None or sighting.quality > self.best.quality:
            self.best = Best(
                quality=sighting.quality,
                source=source,
                outline=sighting.outline,
                frame=frame,
                # A view would keep all of the image that it is cut from.
                crop=sighting.crop
                if sighting.crop is None or sighting.crop.base is None or sighting.crop is frame
                else sighting.crop.copy(),
            )

    def another_frame(self) -> None:
        """There is another frame in which it may be seen."""
        self._frames += 1

    @property
    def certain(self) -> bool:
        """Whether its place is sure to be a plate's: seen nearly always, and with a high score, or moving.

        What stands still and is seen now and then is a sign more often than a plate.
        """
        went = not self.stayed or self.direction.depth is not None
        always = self.sightings >= ALWAYS * (self._until + 1)
        return went or (always and self._score >= CERTAIN * self.sightings)

    def drop_pictures(self) -> None:
        """Let go of the best frame and crop."""
        if self.best is not None:
            self.best = replace(self.best, frame=None, crop=None)

    def absorb(self, other: Track) -> None:
        """*other* was this plate too, misread."""
        self.tally.merge(other.tally)
        self.first = min(self.first, other.first)
        self.settled = self.settled or self.tally.agreeing >= 2
        self.surest, self.widest = max(self.surest, other.surest), max(self.widest, other.widest)

    @property
    def stayed(self) -> bool:
        """Whether it is about where it was first, or nobody knows where it is."""
        if self.outline is None or self._begin is None:
            return True
        return math.dist(self.outline.centre, self._begin.centre) < _WENT * self._width

    @property
    def moving(self) -> bool:
        """Whether it went somewhere when it was seen last."""
        if self._velocity is None:
            return False
        return math.hypot(*self._velocity) >= MOVING * self._width

    @property
    def direction(self) -> Direction:
        """Which way it went so far."""
        if self.outline is None or self._begin is None or self.sightings < 2:
            return Direction()
        grown = self._width / self._began_width
        across = (self.outline.centre[0] - self._begin.centre[0]) / ((self._width + self._began_width) / 2)
        return Direction(
            depth="towards" if grown >= _GROWN else "away" if grown <= 1 / _GROWN else None,
            across="right" if across >= _WENT else "left" if across <= -_WENT else None,
            line={0: None, 1: "in", -1: "out"}[self._crossed],  # type: ignore[arg-type]
        )


def unlikeness(track: Track, sighting: Sighting, at: float, settings: Settings) -> float | None:
    """How unlike *sighting* is what *track* should look like at *at*, 0 to 4; None if it is none of it.

    | | text | place |
    | --- | --- | --- |
    | 0 to 2 | about the same | within reach, the nearer the less alike the texts are |
    | 2 to 3 | any, while the track's own readings differ, or it moves | same |
    | 3 to 4 | not readable | same |
    """
    expected, now = track.expected(at), sighting.outline
    if (expected is None) != (now is None):
        return None
    apart, overlap, wide, narrow = 0.0, 1.0, 1.0, 1.0
    if expected is not None and now is not None:
        wide, narrow = max(expected.width, now.width), min(expected.width, now.width)
        if wide > SCALED * narrow:
            return None
        apart = math.dist(expected.centre, now.centre) / ((wide + narrow) / 2)
        overlap = iou(expected, now) if apart < 1 else 0.0
    soon = at - track.last <= SOON_S
    place = overlap >= OVERLAP or (soon and apart <= BESIDE and wide <= ALIKE * narrow)
    if not sighting.text:
        return 3 + min(apart, 1.0) if place else None
    leader = track.tally.leader
    most = min(settings.same_plate, max(len(leader), len(sighting.text)) / 3)
    different = distance(leader, sighting.text, most)
    if different <= most:
        unlike = different / most if most else 0.0
        reach = min(NEAR + FASTER * max(at - track.last, 0.0), FARTHEST) * (1 - 0.75 * unlike)
        if apart <= reach:
            return unlike + apart / reach
    if place and (not track.settled or (soon and track.moving)):
        return 2 + min(apart, 1.0)
    return None


def match(
    tracks: Sequence[Track], sightings: Sequence[Sighting], at: float, settings: Settings
) -> dict[int, int]:
    """Which sighting each track is: indices of both, the most alike first, none twice."""
    pairs = sorted(
        (unlike, -t, s)
        for t, track in enumerate(tracks)
        for s, sighting in enumerate(sightings)
        if (unlike := unlikeness(track, sighting, at, settings)) is not None
    )
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, t, s in pairs:
        if -t not in matched and s not in taken:
            matched[-t] = s
            taken.add(s)
    return matched
