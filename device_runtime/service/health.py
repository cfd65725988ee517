"""Makes a health report once in a while, without keeping the reader waiting.

reader's thread: tick ── what was counted ──▶ queue ──▶ own thread: asks the board ──▶ put
"""

from __future__ import annotations

import logging
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import msgspec

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.board.cores import cores_of
from device_runtime.board.files import below
from device_runtime.bundle.verify import Bundle
from device_runtime.delivery.spool import Counts as ItemCounts
from device_runtime.follow.event import Passage
from device_runtime.moment import Moment
from device_runtime.report.camera import camera_counts
from device_runtime.report.health import (
    DeliveryHealth,
    Health,
    Machine,
    RunningBundle,
    SourceHealth,
    spread_of,
)
from device_runtime.report.latencies import Stages
from device_runtime.report.measure import Measurements, peak_rss_mb
from device_runtime.sinks.sink import Sink
from device_runtime.sources.source import Source, is_lost

log = logging.getLogger(__name__)

STATUS = Path("/proc/self/status")
_LAST_S = 0.5
"""How long the last report may take: a service that is told to end has 2 s for everything."""


@dataclass(frozen=True, kw_only=True)
class _Noted:
    """What the reader's thread knows when a report is due."""

    moment: Moment
    since_s: float
    stages: Stages
    frames: int
    unreadable: int
    plates: int | None
    events: int
    last: bool


class HealthReports(Sink):
    """Hands over a health report at the start, every *interval_s* seconds, and at the end.

    Args:
        put: takes a report; may be called by another thread than this sink.
        measured: what is counted of the run.
        bundle: what reads.
        source: where frames come from.
        items: what became of what was delivered, by destination.
        spool: folder of the items that wait.
        interval_s: between reports.
        root: where the kernel's files are.
    """

    def __init__(
        self,
        put: Callable[[Health], object],
        measured: Measurements,
        bundle: Bundle,
        *,
        source: Source | None = None,
        items: Callable[[], Mapping[str, ItemCounts]] = dict,
        spool: Path | None = None,
        interval_s: float = 60.0,
        root: Path = Path("/"),
    ) -> None:
        self._put, self._measured, self._source = put, measured, source
        self._items, self._spool, self._root = items, spool, root
        self.interval_s = interval_s
        self._events, self._failed = 0, False
        self._run = str(uuid.uuid4())
        self._bundle = RunningBundle(
            manifest_sha256=bundle.identity,
            target=bundle.manifest.target.name,
            precision=bundle.manifest.precision,
        )
        self._model = board.model(root)
        self._throttling: str | None = None
        # Those of the thread that reads, which is the one that makes this sink.
        self._cores = tuple(core.number for core in cores_of(root=root))
        self._began = self._told = time.monotonic()
        measured.recent = Stages()
        self._queue: SimpleQueue[_Noted | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._report, name="health", daemon=True)
        self._thread.start()
        self._note()

    def tell(self, passage: Passage) -> None:
        """As `Sink.tell`."""
        self._events += 1

    def tick(self) -> None:
        """As `Sink.tick`."""
        if time.monotonic() - self._told >= self.interval_s:
            self._note()

    def close(self) -> None:
        """As `Sink.close`: with a last report."""
        if self._thread.is_alive():
            self._note(last=True)
            self._queue.put(None)
            self._thread.join(_LAST_S)

    def _note(self, last: bool = False) -> None:
        moment, measured = Moment.now(), self._measured
        stages, measured.recent = measured.recent or Stages(), Stages()
        noted = _Noted(
            moment=moment,
            since_s=moment.monotonic - self._told,
            stages=stages,
            frames=measured.n,
            unreadable=measured.unreadable,
            plates=measured.plates,
            events=self._events,
            last=last,
        )
        self._told = moment.monotonic
        self._queue.put(noted)

    def _report(self) -> None:
        while (noted := self._queue.get()) is not None:
            try:
                self._put(self._health(noted))
            except Exception as error:
                # Of any kind: what a year brings must not end the reports.
                if not self._failed:
                    log.warning("health report: %s: %s", type(error).__name__, error)
                self._failed = True

    def _health(self, noted: _Noted) -> Health:
        return Health(
            run=self._run,
            last=noted.last,
            created_at=noted.moment.clock,
            clock_synchronized=noted.moment.synchronized,
            uptime_s=round(noted.moment.monotonic - self._began, 3),
            since_s=round(noted.since_s, 3),
            bundle=self._bundle,
            lpr_run=f"{__version__} on Python {platform.python_version()}",
            frames=noted.frames,
            unreadable=noted.unreadable,
            plates=noted.plates,
            events=noted.events,
            source=_source_health(self._source) if self._source else None,
            stages={stage: spread_of(found) for stage, found in noted.stages.distributions().items()},
            machine=self._machine(ask=not noted.last),
            delivery={to: _delivery_health(counts) for to, counts in self._items().items()},
        )

    def _machine(self, ask: bool) -> Machine:
        """The board as it is; its firmware is only asked where there is time for it."""
        if ask:
            self._throttling = board.throttling(self._root)
        return Machine(
            model=self._model,
            cores=cores_of(self._cores, self._root),
            temperature_c=board.temperature(self._root),
            throttling=self._throttling,
            rss_mb=board.memory_mb("VmRSS", STATUS),
            peak_rss_mb=peak_rss_mb(),
            available_mb=board.memory_mb("MemAvailable", below(self._root, "proc/meminfo")),
            spool_free_mb=_free_mb(self._spool) if self._spool else None,
            uptime_s=round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
        )


def _source_health(source: Source) -> SourceHealth:
    counts = msgspec.structs.asdict(camera_counts(source.counts))
    return SourceHealth(name=source.name, lost=is_lost(source), **counts)


def _delivery_health(counts: ItemCounts) -> DeliveryHealth:
    return DeliveryHealth(
        spooled=counts.spooled,
        acknowledged=counts.acknowledged,
        dropped=dict(counts.dropped),
        refused=counts.refused,
        damaged=counts.damaged,
        waited=counts.waited,
    )


def _free_mb(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free >> 20
    except OSError:
        return None
