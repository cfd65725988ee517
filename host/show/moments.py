"""A board's health reports as moments: counts become rates, within a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from device_runtime.report.health import Health


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
