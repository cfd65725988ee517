"""Event, version 1: what is told of a passage.

Boards and hosts are updated at different times: a field that is added has a default, and readers ignore
fields they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from numpy.typing import NDArray

from device_runtime.follow.outline import Point
from device_runtime.schema import Tolerant

EVENT_VERSION = 1

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Direction(Tolerant, frozen=True, kw_only=True):
    """Which way a plate went in the picture; None where it did not, or not far enough to tell.

    Attributes:
        depth: the plate grew, or shrank.
        across: where it went in the picture.
        line: it crossed the line that was set, "in" from the line's left to its right, seen from its first
            point to its second.
    """

    depth: Literal["towards", "away"] | None = None
    across: Literal["left", "right"] | None = None
    line: Literal["in", "out"] | None = None


class OtherText(Tolerant, frozen=True):
    """Another text that was read, and its share of the readings' weight."""

    text: str
    weight: Share


class Event(Tolerant, frozen=True, kw_only=True):
    """A passage: one car's plate, from its first reading to its last.

    Attributes:
        event_version: of this schema.
        id: of the passage, UUID.
        complete: it is over; else the car was still there when it was told.
        text: the vote of all readings; empty where there are none that can be trusted.
        confidence: that all of it is right.
        character_confidences: of each character.
        alternatives: what else was read, heaviest first.
        listed: the allow list's entry that it is, as the user wrote it.
        readings: how many there were.
        first_seen, last_seen: by the clock as it was when the event was made, so that they fit `duration_s`
            though the clock was set in between.
        duration_s: from the monotonic clock.
        clock_synchronized: whether a time server had set the clock by then.
        direction: which way it went.
        source: the best frame's name.
        corners: of the plate in the best frame, px, from its top left clockwise; None where the whole image
            was taken for the plate.
        width: of the plate there, px.
    """

    event_version: int = EVENT_VERSION
    id: str
    complete: bool
    text: str
    confidence: Share
    character_confidences: tuple[Share, ...]
    alternatives: tuple[OtherText, ...]
    listed: str | None
    readings: int
    first_seen: Time
    last_seen: Time
    duration_s: float
    clock_synchronized: bool
    direction: Direction
    source: str
    corners: tuple[Point, Point, Point, Point] | None
    width: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Passage:
    """An event and the pictures of it.

    Attributes:
        event: what is told.
        frame: the best one, BGR uint8[H,W,3]; None where `Settings.picture_bytes` left no room for it.
        crop: the plate as it was read there; None likewise.
    """

    event: Event
    frame: NDArray | None
    crop: NDArray | None
