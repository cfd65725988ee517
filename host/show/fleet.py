"""Boards and how they are doing, from their health reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from device_runtime.report.health import Health

State = Literal["good", "doubtful", "bad", "ended", "silent"]
"""How a board is doing; `silent`: nothing was heard of it in time, `ended`: its run said goodbye."""

LATE = timedelta(minutes=5)
"""Boards tell once a minute unless told otherwise; a few reports may be on their way."""
LATE_INTERVALS = 3
"""Of a board that tells less often: so many of its intervals."""
HOT_C = 80.0
"""°C: where a Raspberry Pi begins to slow down (Raspberry Pi documentation, frequency management)."""
LITTLE_MEMORY_MB = 64
LITTLE_ROOM_MB = 128
"""MiB left of memory, and of the spool's disk."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a board is doing.

    Attributes:
        state: the worst of it.
        reasons: what is wrong, in words; empty where nothing is.
    """

    state: State
    reasons: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """In short."""
        return {
            "good": "good",
            "doubtful": "look at it",
            "bad": "trouble",
            "ended": "ended",
            "silent": "silent",
        }[self.state]


def condition(health: Health | None, heard: datetime, now: datetime) -> Condition:
    """How a board is doing whose last health report is *health* and that was last heard of at *heard*.

    Args:
        health: None where it never sent one.
        heard: by the collector's clock, as is *now*.
    """
    late = LATE
    if health is not None:
        late = max(late, LATE_INTERVALS * timedelta(seconds=health.since_s))
    if health is not None and health.last:
        return Condition(state="ended", reasons=("its run has ended",))
    if now - heard > late:
        return Condition(state="silent", reasons=(f"nothing for {duration((now - heard).total_seconds())}",))
    if health is None:
        return Condition(state="good")
    bad, doubtful = list(_bad(health)), list(_doubtful(health))
    state: State = "bad" if bad else "doubtful" if doubtful else "good"
    return Condition(state=state, reasons=(*bad, *doubtful))


def throttled(throttling: str | None) -> bool:
    """Whether something holds the processor back now: "none" and what is over since the start do not."""
    parts = [part for part in (throttling or "none").split(", ") if not part.endswith(" since boot")]
    return bool(parts) and parts != ["none"]


def _bad(health: Health) -> Iterable[str]:
    machine, source = health.machine, health.source
    if source is not None and source.lost:
        yield "its camera is away"
    if machine.spool_free_mb is not None and machine.spool_free_mb < LITTLE_ROOM_MB:
        yield f"{machine.spool_free_mb} MiB left on the spool's disk"
    if lost := sum(sum(counts.dropped.values()) for counts in health.delivery.values()):
        yield f"{lost} items dropped"


def _doubtful(health: Health) -> Iterable[str]:
    machine = health.machine
    if throttled(machine.throttling):
        yield f"held back: {machine.throttling}"
    if machine.temperature_c is not None and machine.temperature_c >= HOT_C:
        yield f"{machine.temperature_c:.0f} °C"
    if machine.available_mb is not None and machine.available_mb < LITTLE_MEMORY_MB:
        yield f"{machine.available_mb} MiB of memory left"
    if refused := sum(counts.refused for counts in health.delivery.values()):
        yield f"{refused} items refused"
    if not health.clock_synchronized:
        yield "its clock is not set"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What a health report says of the time since the one before.

    Attributes:
        at: seconds since 1970, by the board's clock.
        frames_per_s: read; None where nothing is known: the first report, or a run that began anew.
        dropped_per_s: frames that went by unread; likewise.
        temperature_c, throttling, rss_mb, available_mb: as of the report.
        p50_ms, p99_ms: of the whole frame; None without frames.
        manifest_sha256: of the bundle that runs.
    """

    at: float
    frames_per_s: float | None
    dropped_per_s: float | None
    temperature_c: float | None
    throttling: str | None
    rss_mb: float | None
    available_mb: float | None
    p50_ms: float | None
    p99_ms: float | None
    manifest_sha256: str


def moments(reports: Sequence[Health]) -> list[Moment]:
    """One for each of a board's health reports, by time; counts become rates."""
    ordered = sorted(reports, key=lambda health: health.created_at)
    return [_moment(before, health) for before, health in pairwise([None, *ordered]) if health is not None]


def _moment(before: Health | None, health: Health) -> Moment:
    total = health.stages.get("total")
    frames = dropped = None
    if before is not None and before.run == health.run and health.uptime_s > before.uptime_s:
        # The monotonic clock: the other one may have been set in between.
        seconds = health.uptime_s - before.uptime_s
        frames = max(health.frames - before.frames, 0) / seconds
        if before.source and health.source:
            dropped = max(health.source.dropped - before.source.dropped, 0) / seconds
    return Moment(
        at=health.created_at.timestamp(),
        frames_per_s=frames,
        dropped_per_s=dropped,
        temperature_c=health.machine.temperature_c,
        throttling=health.machine.throttling,
        rss_mb=health.machine.rss_mb,
        available_mb=health.machine.available_mb,
        p50_ms=total.p50_ms if total and total.n else None,
        p99_ms=total.p99_ms if total and total.n else None,
        manifest_sha256=health.bundle.manifest_sha256,
    )


def duration(seconds: float) -> str:
    """In the largest unit that there are two of, e.g. "3 h", "95 s"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
