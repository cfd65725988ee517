"""How fast a store is on this machine: made-up events go in, pages and plates come out."""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec

from device_runtime.delivery.item import Item, encode, new_id
from device_runtime.errors import FatalError
from device_runtime.follow.event import Direction, Event
from host.store.moments import now
from host.store.received import Received, received
from host.store.store import Store
from host.store.values import Search
from lprnet.console import track

BOARDS = 200
_BATCH = 100
"""Items that a board sends at once."""
_CHUNK = 10_000
"""Made before the clock runs."""
_TURNS = 20
_SPOOL = str(uuid.UUID(int=0))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure.

    Attributes:
        what: in words.
        median, worst: milliseconds of `_TURNS` queries, or None.
        rate: items a second, or None.
    """

    what: str
    median: float | None = None
    worst: float | None = None
    rate: float | None = None


def measure(store: Store, items: int, seed: int = 1) -> tuple[Measured, ...]:
    """Fill an empty store with *items* events of `BOARDS` boards over a month, then ask it.

    All plates are of one town and nearly all are different, which is the most work that there can be.

    Raises:
        FatalError: it is not empty.
        Unavailable: the database cannot do it.
    """
    if store.events(limit=1).rows:
        raise FatalError(store.name, "has events in it", "name a database that is empty")
    rng = random.Random(seed)
    end = now()
    step = timedelta(days=30) / items
    seconds = 0.0
    for start in track(range(0, items, _CHUNK), "storing"):
        count = min(_CHUNK, items - start)
        made = [_event(rng, end - (items - start - i) * step) for i in range(count)]
        began = time.perf_counter()
        waiting = [
            store.submit(f"board {(start + i) // _BATCH % BOARDS:03}", made[i : i + _BATCH])
            for i in range(0, count, _BATCH)
        ]
        for future in waiting:
            future.result()
        seconds += time.perf_counter() - began
    texts = [rng.choice(page).event.text for page in [store.events(limit=500).rows] for _ in range(_TURNS)]
    middle = end - timedelta(days=15)
    return (
        Measured(what=f"{items} events stored", rate=items / seconds),
        _timed("first page", texts, lambda text: store.events()),
        _timed("a page of two weeks ago", texts, lambda text: store.events(Search(until=middle))),
        _timed("first page of one board", texts, lambda text: store.events(Search(board="board 007"))),
        _timed("a plate", texts, lambda text: store.events(Search(plate=text))),
        *(
            _timed(f"a plate, distance {most:g}", texts, partial(_near, store, most))
            for most in (0.0, 1.0, 1.5)
        ),
        _timed("a plate's beginning", texts, lambda text: store.events(Search(plate=text[:4] + "*"))),
        _timed("a plate's end", texts, lambda text: store.events(Search(plate="*" + text[-4:]))),
        _timed("boards with their health", texts, lambda text: store.boards()),
    )


def _near(store: Store, most: float, text: str) -> object:
    return store.events(Search(plate=text, distance=most))


def _timed(what: str, texts: list[str], ask: Callable[[str], object]) -> Measured:
    times = []
    for text in texts:
        began = time.perf_counter()
        ask(text)
        times.append(1000 * (time.perf_counter() - began))
    return Measured(what=what, median=statistics.median(times), worst=max(times))


def _event(rng: random.Random, seen: datetime) -> Received:
    # GA 36: five digits and capitals without I and O; digits are more frequent.
    text = "粤B" + "".join(rng.choices("0123456789" * 3 + "ABCDEFGHJKLMNPQRSTUVWXYZ", k=5))
    event = Event(
        id=str(uuid.UUID(int=rng.getrandbits(128))),
        complete=False,
        text=text,
        confidence=0.97,
        character_confidences=(0.99,) * len(text),
        alternatives=(),
        listed=None,
        readings=12,
        first_seen=seen,
        last_seen=seen + timedelta(seconds=1.5),
        duration_s=1.5,
        clock_synchronized=True,
        direction=Direction(depth="towards"),
        source="camera",
        corners=((800.0, 500.0), (920.0, 505.0), (918.0, 545.0), (798.0, 540.0)),
        width=120.0,
    )
    item = Item(
        id=new_id(),
        spool=_SPOOL,
        sequence=1,
        kind="event",
        time=event.last_seen,
        body=msgspec.to_builtins(event),
    )
    return received(encode(item), "made up")
