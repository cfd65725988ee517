"""Events as pages show them."""

from __future__ import annotations

from datetime import datetime, timezone

from device_runtime.follow.event import Direction, Event
from host.show.duration import duration

NO_TEXT = "–"
"""Stands for a plate that nobody could read."""


def plate_of(event: Event) -> str:
    """The text of its plate, in words."""
    return event.text or NO_TEXT


def sure_of(event: Event) -> str:
    """Its confidence in words; a dash where there is no text."""
    return f"{event.confidence:.1%}" if event.text else NO_TEXT


def direction_of(direction: Direction) -> str:
    """Which way it went, in words; a dash where that is not known."""
    return " ".join(filter(None, (direction.depth, direction.across, direction.line))) or "–"


def others_of(event: Event, most: int = 3) -> str:
    """What else was read, heaviest first, with the share of the weight."""
    return (
        ", ".join(f"{other.text or NO_TEXT} {other.weight:.0%}" for other in event.alternatives[:most]) or "–"
    )


def sentence(event: Event) -> str:
    """How sure it is, for how long and how often it was seen, and when."""
    sure = f"{sure_of(event)} sure, " if event.text else ""
    return (
        f"{sure}{event.readings}× in {duration(event.duration_s)}, "
        f"{direction_of(event.direction)}, {stamp(event.first_seen)}"
    )


def stamp(time: datetime) -> str:
    """A time, UTC, to the second."""
    return f"{time.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
