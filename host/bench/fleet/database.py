"""How fast a collector's database and its pages are on this machine: made-up events go in, pages come out."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from device_runtime.delivery.item import Item, encode, new_id
from device_runtime.errors import FatalError
from device_runtime.follow.event import Direction, Event
from device_runtime.report.health import Health, Machine, RunningBundle
from host.collect.app import AppSettings, create_app
from host.collect.login import cookie_name
from host.collect.metrics import Metrics
from host.collect.password import Sessions, hashed
from host.show.live.routes import routes
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


def fill(store: Store, items: int, seed: int = 1) -> Measured:
    """Fill an empty store with *items* events of `BOARDS` boards over a month, and a day of health reports.

    All plates are of one town and nearly all are different, which is the most work that there can be.

    Raises:
        FatalError: it is not empty.
        Unavailable: the database cannot do it.
    """
    if store.events(limit=1).rows:
        todo = "name a database that is empty, or give --filled"
        raise FatalError(store.name, "has events in it", todo)
    rng = random.Random(seed)
    end = now()
    step = timedelta(days=30) / items
    seconds = 0.0
    for start in track(range(0, items, _CHUNK), "storing"):
        count = min(_CHUNK, items - start)
        made = [_event(rng, end - (items - start - i) * step) for i in range(count)]
        began = time.perf_counter()
        waiting = [store.submit(_board(start + i), made[i : i + _BATCH]) for i in range(0, count, _BATCH)]
        for future in waiting:
            future.result()
        seconds += time.perf_counter() - began
    for number in range(BOARDS):
        run = str(uuid.UUID(int=number))
        reports = [_health(run, end - timedelta(hours=hours)) for hours in range(24)]
        store.add(_board(number * _BATCH), reports)
    return Measured(what=f"{items} events stored", rate=items / seconds)


def ask(store: Store, seed: int = 1) -> tuple[Measured, ...]:
    """Time what pages ask of a store, and whole pages.

    Raises:
        FatalError: it has no events.
        Unavailable: the database cannot do it.
    """
    newest = store.events(limit=500).rows
    if not newest:
        raise FatalError(store.name, "has no events in it", "leave --filled out")
    rng = random.Random(seed)
    texts = [rng.choice(newest).event.text for _ in range(_TURNS)]
    middle = newest[0].at - timedelta(days=15)
    questions: dict[str, Callable[[str], object]] = {
        "first page": lambda text: store.events(),
        "a page of two weeks ago": lambda text: store.events(Search(until=middle)),
        "first page of one board": lambda text: store.events(Search(board=_board(0))),
        "a plate": lambda text: store.events(Search(plate=text)),
        "a plate, distance 0": lambda text: store.events(Search(plate=text, distance=0)),
        "a plate, distance 1": lambda text: store.events(Search(plate=text, distance=1)),
        "a plate, distance 1.5": lambda text: store.events(Search(plate=text, distance=1.5)),
        "a plate's beginning, all of a town": lambda text: store.events(Search(plate=text[:2] + "*")),
        "a plate's beginning, thousands": lambda text: store.events(Search(plate=text[:4] + "*")),
        "a plate's beginning, a few": lambda text: store.events(Search(plate=text[:6] + "*")),
        "a plate's end, hundreds": lambda text: store.events(Search(plate="*" + text[-2:])),
        "a plate's end, a few": lambda text: store.events(Search(plate="*" + text[-4:])),
        "boards with their health": lambda text: store.boards(),
    }
    with _Pages(store) as pages:
        questions |= {
            "page: boards": lambda text: pages.get("/"),
            "page: one board": lambda text: pages.get(f"/boards/{_board(0)}"),
            "page: events": lambda text: pages.get("/events"),
            "page: a plate": lambda text: pages.get("/events", plate=text),
            "page: a plate, distance 1": lambda text: pages.get("/events", plate=text, distance="1"),
            "page: a plate's beginning": lambda text: pages.get("/events", plate=text[:4] + "*"),
            "page: one event": lambda text: pages.get(f"/events/{newest[0].id}"),
        }
        return tuple(_timed(what, texts, question) for what, question in questions.items())


class _Pages:
    """The collector's pages, asked for by somebody who is logged in, without a socket."""

    def __init__(self, store: Store) -> None:
        password = hashed("of nobody's use")
        self._app = create_app(store, AppSettings(password=password), Metrics(), routes())
        session = Sessions(store.secret("sessions"), password).new(time.time())
        self._cookie = f"{cookie_name(False)}={session}".encode()
        self._runner = asyncio.Runner()

    def get(self, path: str, **values: str) -> None:
        """Make a page.

        Raises:
            FatalError: it is none.
        """
        self._runner.run(self._get(path, urlencode(values).encode()))

    async def _get(self, path: str, query: bytes) -> None:
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", b"localhost"), (b"accept", b"text/html"), (b"cookie", self._cookie)],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await self._app(scope, receive, send)
        if statuses != [200]:
            raise FatalError(f"the page {path}", f"is answered {statuses}", "look at it in a browser")

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()


def _board(number: int) -> str:
    return f"board {number // _BATCH % BOARDS:03}"


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
    return _item("event", event.last_seen, event)


def _health(run: str, created_at: datetime) -> Received:
    health = Health(
        run=run,
        created_at=created_at,
        clock_synchronized=True,
        uptime_s=86_400.0,
        since_s=3600.0,
        bundle=RunningBundle(manifest_sha256="0" * 64, target="rpi4", precision="int8"),
        lpr_run="0.1.0",
        frames=36_000,
        unreadable=0,
        events=40,
        stages={},
        machine=Machine(temperature_c=61.5, throttling="none"),
    )
    return _item("health", created_at, health)


def _item(kind: str, at: datetime, body: msgspec.Struct) -> Received:
    item = Item(id=new_id(), spool=_SPOOL, sequence=1, kind=kind, time=at, body=msgspec.to_builtins(body))
    return received(encode(item), "made up")
