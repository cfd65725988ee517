"""Health report, version 1: how a run that goes on for months is doing, told once in a while.

Boards and hosts are updated at different times: a field that is added has a default, and readers ignore
fields they do not know.

Counts are since the start of the run, so that a report that was lost on the way costs nothing: what happened
between two of the same `run` is their difference. Only `stages` are of the time since the report before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from device_runtime.board.cores import Core
from device_runtime.report.camera import CameraCounts, Count, Seconds
from device_runtime.schema import Format, Tolerant
from device_runtime.timing import Distribution

HEALTH_VERSION = 1

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Spread(Tolerant, frozen=True, kw_only=True):
    """A `Distribution` in short, milliseconds."""

    n: Count
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def spread_of(found: Distribution) -> Spread:
    """What a health report says of it."""
    return Spread(
        n=found.n, p50_ms=found.p50_ms, p90_ms=found.p90_ms, p99_ms=found.p99_ms, max_ms=found.max_ms
    )


class RunningBundle(Tolerant, frozen=True, kw_only=True):
    """Which bundle runs; fields as in `BundleId`."""

    manifest_sha256: str
    target: str
    precision: str


class SourceHealth(CameraCounts, frozen=True, kw_only=True):
    """What has become of a source's frames.

    Attributes:
        name: without user and password.
        lost: a camera that is away now.
    """

    name: str
    lost: bool


class DeliveryHealth(Tolerant, frozen=True, kw_only=True):
    """What has become of items; as of `Delivery.counts`.

    Attributes:
        dropped: by kind.
    """

    spooled: Count
    acknowledged: Count
    dropped: dict[str, Count]
    refused: Count
    damaged: Count
    waited: Count


class Machine(Tolerant, frozen=True, kw_only=True):
    """The board now; None where it does not say.

    Attributes:
        cores: that read plates.
        temperature_c: of the processor, °C.
        throttling: what holds the processor back, in words; "none" if nothing does.
        rss_mb, peak_rss_mb: memory of this process that is resident, and the most that was, MiB.
        available_mb: memory that is left, MiB.
        spool_free_mb: of the disk that the spool is on, MiB.
        uptime_s: since the board started.
    """

    model: str | None = None
    cores: tuple[Core, ...] = ()
    temperature_c: float | None = None
    throttling: str | None = None
    rss_mb: int | None = None
    peak_rss_mb: float | None = None
    available_mb: int | None = None
    spool_free_mb: int | None = None
    uptime_s: float | None = None


class Health(Tolerant, frozen=True, kw_only=True):
    """How a run is doing.

    Attributes:
        health_version: of this schema.
        run: UUID of the run, made at its start.
        last: the run is ending.
        created_at: by the board's clock.
        clock_synchronized: whether a time server had set that.
        uptime_s: since the start of the run.
        since_s: that `stages` are of.
        bundle: what reads.
        lpr_run: version of the program.
        frames: read.
        unreadable: files that were no images.
        plates: read in the frames; None where each frame was taken for one.
        events: told.
        source: None where there is none, but for `--serve`.
        stages: times of frames, as in a report.
        delivery: what became of items, by destination.
    """

    health_version: int = HEALTH_VERSION
    run: str
    last: bool = False
    created_at: Time
    clock_synchronized: bool
    uptime_s: Seconds
    since_s: Seconds
    bundle: RunningBundle
    lpr_run: str
    frames: Count
    unreadable: Count
    plates: Count | None = None
    events: Count
    source: SourceHealth | None = None
    stages: dict[str, Spread]
    machine: Machine
    delivery: dict[str, DeliveryHealth] = msgspec.field(default_factory=dict)


HEALTH = Format(
    schema=Health,
    what="a health report",
    version=HEALTH_VERSION,
    version_key="health_version",
    todo="name what lpr-run wrote",
    outdated="update lpr-host",
    max_bytes=1 << 20,
)
"""How health reports are read and written."""
