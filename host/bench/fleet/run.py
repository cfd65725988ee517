"""Boards and collectors together, and what was lost on the way: nothing."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from device_runtime.delivery.destination import HttpDestination
from host.bench.fleet.collectors import Collector
from host.bench.fleet.crowd import Crowd, Task, run_boards
from host.collect.app import ITEMS
from host.store import tables
from host.store.database import connect
from host.store.store import open_store

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is to happen.

    Attributes:
        db: address of a database that may be filled.
        boards: how many.
        rate: passages a second of each board.
        seconds: for how long.
        collectors: on that database; boards turn to another one where one fails.
        kills: how often a collector is killed and started again, spread over the time.
        during: is called in the middle.
        patience_s: how long boards go on afterwards, until everything is acknowledged.
    """

    db: str
    boards: int
    rate: float
    seconds: float
    collectors: int = 1
    kills: int = 0
    during: Callable[[], object] | None = None
    patience_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What has happened.

    Attributes:
        put, acknowledged: items.
        lost: acknowledged and not in the database.
        twice: in the database more than once.
        unknown: in the database though no board has sent it.
        requests, failures: that acknowledged items, and that failed.
        seconds: from the first item to the last acknowledgement.
        p50_ms, p99_ms, max_ms: from sending a request to its items' acknowledgement.
        kills: of collectors.
        collector_cpu_s, board_cpu_s: processor time of all collectors, and of all boards.
    """

    put: int
    acknowledged: int
    lost: int
    twice: int
    unknown: int
    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    kills: int
    collector_cpu_s: float
    board_cpu_s: float

    @property
    def rate(self) -> float:
        """Items acknowledged a second."""
        return self.acknowledged / self.seconds

    @property
    def faultless(self) -> bool:
        """Whether everything arrived once."""
        return self.acknowledged == self.put and not (self.lost or self.twice or self.unknown)


def run(load: Load) -> Outcome:
    """Put *load* on collectors, and look what the database has afterwards.

    Raises:
        FatalError: the database or a collector cannot be used, or what is called in the middle fails.
    """
    names = [f"bench-{number:04}" for number in range(load.boards)]
    with open_store(load.db) as store:
        tokens = [store.add_token(name) for name in names]
    before = _stored(load.db)
    # Boards have disks of their own: theirs shall not wait for the database's.
    memory = Path("/dev/shm")
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="lpr-load-", dir=memory if memory.is_dir() else None)
            )
        )
        collectors = [
            Collector(load.db, folder / f"collector-{number}.log", ("--rate", "100000"))
            for number in range(load.collectors)
        ]
        for one in collectors:
            one.start()
            stack.callback(_end, one)
        addresses = [HttpDestination("http", "127.0.0.1", one.port, ITEMS) for one in collectors]
        tasks = [
            Task(
                name=name,
                addresses=tuple(addresses[index % len(addresses) :] + addresses[: index % len(addresses)]),
                token=token,
                folder=folder / name,
                rate=load.rate,
                seconds=load.seconds,
                patience_s=load.patience_s,
            )
            for index, (name, token) in enumerate(zip(names, tokens, strict=True))
        ]
        began, cpu_s = time.monotonic(), 0.0

        def meanwhile() -> None:
            nonlocal began, cpu_s
            cpu_s, began = sum(one.cpu_s for one in collectors), time.monotonic()
            _interfere(load, collectors, began)

        crowd = run_boards(tasks, meanwhile)
        seconds = time.monotonic() - began
        cpu_s = sum(one.cpu_s for one in collectors) - cpu_s
        return _outcome(crowd, _stored(load.db) - before, seconds, load.kills, cpu_s)


def _interfere(load: Load, collectors: Sequence[Collector], began: float) -> None:
    """Kill collectors, and call what is to be called, each in its time."""

    def again(one: Collector) -> None:
        one.kill()
        one.start()

    todo: list[tuple[float, Callable[[], object]]] = [
        ((number + 0.5) / load.kills, partial(again, collectors[number % len(collectors)]))
        for number in range(load.kills)
    ]
    if load.during is not None:
        todo.append((0.5, load.during))
    # One after another, in this thread: who starts a program here may want it to live as long.
    for share, act in sorted(todo, key=lambda one: one[0]):
        time.sleep(max(began + share * load.seconds - time.monotonic(), 0))
        act()


def _end(collector: Collector) -> None:
    if collector.end() != 0:
        LOG.warning("a collector did not end in order")


def _stored(db: str) -> Counter[str]:
    """How often each event's item is in the database."""
    database = connect(db)
    try:
        with database.reading() as connection:
            items = connection.scalars(sa.select(tables.events.c.item))
            return Counter(str(UUID(bytes=bytes(item))) for item in items)
    finally:
        database.close()


def _outcome(crowd: Crowd, stored: Counter[str], seconds: float, kills: int, cpu_s: float) -> Outcome:
    put = {item for board in crowd.boards for item in board.put}
    acknowledged = {item for board in crowd.boards for item in board.acknowledged}
    taken = [one for board in crowd.boards for one in board.taken]
    times_ms = sorted(1e3 * seconds for _, seconds in taken)
    return Outcome(
        put=len(put),
        acknowledged=len(acknowledged),
        lost=len(acknowledged - stored.keys()),
        twice=sum(1 for n in stored.values() if n > 1),
        unknown=len(stored.keys() - put),
        requests=len(taken),
        failures=sum(board.failures for board in crowd.boards),
        seconds=seconds,
        p50_ms=_quantile(times_ms, 0.5),
        p99_ms=_quantile(times_ms, 0.99),
        max_ms=_quantile(times_ms, 1.0),
        kills=kills,
        collector_cpu_s=cpu_s,
        board_cpu_s=crowd.cpu_s,
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan
