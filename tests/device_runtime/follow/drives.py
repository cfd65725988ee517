"""Simulated drives: what a camera would have seen, frame by frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

import numpy as np

from device_runtime.follow.event import Event
from device_runtime.follow.follower import Follower
from device_runtime.follow.outline import Outline
from device_runtime.follow.settings import Settings
from device_runtime.follow.track import Sighting
from device_runtime.moment import Moment

START = datetime(2026, 11, 26, 12, 0, 0, tzinfo=timezone(timedelta(hours=8)))
Drive = Iterable[tuple[float, Sequence[Sighting]]]
"""Seconds, and what is seen then."""


def outline(x: float, y: float, width: float = 100.0) -> Outline:
    """A plate of *width* px around (x, y), a third as high."""
    w, h = width / 2, width / 6
    points = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
    found = Outline.of(np.array(points, np.float32))
    assert found is not None
    return found


def sighting(
    text: str, x: float = 300.0, y: float = 200.0, width: float = 100.0, confidence: float = 0.8
) -> Sighting:
    """*text* at a place, each character with *confidence*."""
    return Sighting(
        text=text, character_confidences=(confidence,) * len(text), score=0.9, outline=outline(x, y, width)
    )


def moment(at: float, synchronized: bool = True) -> Moment:
    return Moment(at, START + timedelta(seconds=at), synchronized)


def follower(settings: Settings | None = None) -> Follower:
    """One whose passages are p1, p2, …"""
    numbers = itertools.count(1)
    return Follower(settings, grammar=lambda text: len(text) == 7, identity=lambda: f"p{next(numbers)}")


def drive(what: Drive, settings: Settings | None = None) -> list[Event]:
    """The events of a drive, until its end."""
    one = follower(settings)
    passages = [p for at, seen in what for p in one.add(moment(at), seen, source=f"#{at:g}")]
    return [passage.event for passage in [*passages, *one.close()]]
