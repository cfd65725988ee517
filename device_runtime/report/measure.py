"""What a run measured, as a report."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.bundle.verify import MODULE_NAME, Bundle
from device_runtime.report.accuracy import Tally
from device_runtime.report.camera import camera_counts
from device_runtime.report.latencies import Stages
from device_runtime.report.report import BundleId, Report, RunSettings, WarmUp
from device_runtime.sources.source import Counts
from device_runtime.timing import Distribution


@dataclass
class Measurements:
    """What a run has measured so far.

    Attributes:
        warmup: inferences before it.
        stages: times of all frames.
        recent: those since it was set, by whoever wants to know; None where nobody does.
        plates: read in them where plates were looked for, else None.
        unreadable: files that were no images.
        camera: what became of the frames of a live source; None of another.
        wall_s: how long it has been running, seconds.
        tally: plates with a label.
    """

    warmup: WarmUp = field(default_factory=lambda: WarmUp(n=0))
    stages: Stages = field(default_factory=Stages)
    recent: Stages | None = None
    plates: int | None = None
    unreadable: int = 0
    camera: Counts | None = None
    wall_s: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def add(self, timings_ms: Mapping[str, float], plates: int | None = None) -> None:
        """Count a frame that took so many milliseconds in each stage, `total` among them.

        Args:
            plates: read in it; None where it was taken for one.
        """
        if plates is not None:
            self.plates = (self.plates or 0) + plates
        self.note(timings_ms)

    def note(self, timings_ms: Mapping[str, float]) -> None:
        """Add to the frame's stages."""
        self.stages.note(timings_ms)
        if self.recent is not None:
            self.recent.note(timings_ms)

    @property
    def n(self) -> int:
        """Frames read."""
        return self.stages.frames

    @property
    def throughput(self) -> float:
        """Frames a second of wall-clock time."""
        return self.n / self.wall_s if self.wall_s else 0.0

    def distributions(self) -> dict[str, Distribution]:
        """Latencies by stage, in the order of `STAGES`; those that no frame went through are left out."""
        return self.stages.distributions()


def warm_up(times_ms: Sequence[float]) -> WarmUp:
    """What is kept of inferences that took so many milliseconds each."""
    if not times_ms:
        return WarmUp(n=0)
    # Not by NumPy, whose median and percentiles load masked arrays: a tenth of the time to the first plate.
    n, ordered = len(times_ms), sorted(times_ms)
    p50_ms = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return WarmUp(n=n, first_ms=round(times_ms[0], 5), p50_ms=round(p50_ms, 5))


def make_report(
    bundle: Bundle,
    measured: Measurements,
    *,
    source: str,
    threads: int,
    grammar: bool,
    golden_difference: float,
    temperature_before_c: float | None,
) -> Report:
    """The report of a run that has read at least one frame; arguments as `Report`'s fields of these names."""
    info, module = bundle.manifest, bundle.manifest.files[MODULE_NAME]
    return Report(
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        bundle=BundleId(
            manifest_sha256=bundle.identity,
            created_by=info.created_by,
            target=info.target.name,
            display_name=info.target.display_name,
            precision=info.precision,
            schedule=info.schedule.text,
            checkpoint=info.checkpoint.name,
            checkpoint_sha256=info.checkpoint.sha256,
            tvm=info.versions.tvm,
            model_bytes=module.bytes,
            model_sha256=module.sha256,
        ),
        board=board.describe(),
        temperature_before_c=temperature_before_c,
        run=RunSettings(
            source=source,
            n=measured.n,
            plates=measured.plates,
            unreadable=measured.unreadable,
            camera=camera_counts(measured.camera) if measured.camera else None,
            threads=threads,
            grammar=grammar,
            lpr_run=f"{__version__} on Python {platform.python_version()}",
            numpy=np.__version__,
            opencv=cv2.__version__,
        ),
        warmup=measured.warmup,
        stages=measured.distributions(),
        throughput=round(measured.throughput, 3),
        peak_rss_mb=peak_rss_mb(),
        golden_difference=golden_difference,
        accuracy=measured.tally.accuracy(),
    )


def peak_rss_mb() -> float | None:
    """The most memory this process has had resident, in MiB; None where the kernel does not say."""
    # Not getrusage: its ru_maxrss begins at the size of the process that started this one.
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError, IndexError):
        pass
    return None
