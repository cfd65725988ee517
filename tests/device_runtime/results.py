"""Results of reading made by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from device_runtime.follow.event import Direction, Event, OtherText
from device_runtime.read.engine import Reading
from device_runtime.reader import Place, Plate, Unread, Why
from device_runtime.sinks.sink import Result
from device_runtime.sources.frame import Frame

CORNERS = np.array([[20, 30], [80, 32], [79, 50], [21, 48]], np.float32)


def place(corners: np.ndarray = CORNERS, rows: int = 1) -> Place:
    """A place of which both looks are sure."""
    return Place(corners=corners, score=0.95, find_score=0.8, refine_score=0.97, rows=rows)


def reading(text: str, confidence: float = 0.9) -> Reading:
    """*text*, each character as sure as the whole."""
    return Reading(
        plate=text,
        confidence=confidence,
        character_confidences=(confidence,) * len(text),
        logits=np.zeros((68, 18), np.float32),
        timings_ms={"infer": 2.5},
    )


def plate(text: str, image: np.ndarray, at: Place | None = None) -> Plate:
    """*text*, read with 90 % of confidence."""
    return Plate(reading=reading(text), place=at, image=image)


def unread(why: Why, image: np.ndarray, at: Place | None = None) -> Unread:
    """A plate that was not read: nothing of one that is cut, "?" of another."""
    if why == "cut":
        return Unread(why=why, reading=None, place=at, image=None)
    return Unread(why=why, reading=reading("?", 0.2), place=at, image=image)


def result(
    *texts: str,
    source: str = "0#1",
    image: np.ndarray,
    part: np.ndarray | None = None,
    truth: str | None = None,
    path: Path | None = None,
    places: tuple[Place, ...] = (),
    others: tuple[Unread, ...] = (),
) -> Result:
    """A frame with *texts*, read in 3.5 ms at *places*, or from *part* of *image* or all of it.

    An empty text is one that was not read.
    """
    crop = image if part is None else part
    ats: tuple[Place | None, ...] = places or (None,) * len(texts)
    return Result(
        frame=Frame(source=source, image=image, read_ms=1.0, path=path),
        plates=tuple(plate(text, crop, at) for text, at in zip(texts, ats, strict=True) if text),
        unread=(*(unread("unsure", crop) for text in texts if not text), *others),
        truth=truth,
        timings_ms={"read": 1.0, "infer": 2.5, "total": 3.5},
    )


def event(
    text: str, *, identity: str = "01993b6e-0000-7000-8000-000000000001", complete: bool = False
) -> Event:
    """A passage of a car that said *text*, at `CORNERS`."""
    seen = datetime(2026, 11, 26, 12, 0, 0, tzinfo=timezone(timedelta(hours=8)))
    a, b, c, d = ((float(x), float(y)) for x, y in CORNERS)
    return Event(
        id=identity,
        complete=complete,
        text=text,
        confidence=0.9 if text else 0.0,
        character_confidences=(0.9,) * len(text),
        alternatives=(OtherText("京A7", 0.25),),
        listed=None,
        readings=12 if text else 0,
        first_seen=seen,
        last_seen=seen + timedelta(seconds=4),
        duration_s=4.0,
        clock_synchronized=True,
        direction=Direction(depth="towards", across="left"),
        source="0#1",
        corners=(a, b, c, d),
        width=60.0,
    )
