"""What a run measured, as a report."""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np

from device_runtime import __version__
from device_runtime.board import describe as board
from device_runtime.bundle.verify import MODULE_NAME
from device_runtime.pipeline import STAGES, Session
from device_runtime.report.report import BundleId, Report, RunSettings, WarmUp
from device_runtime.timing import distribution


def make_report(
    session: Session, source: str, threads: int, warmup: WarmUp, temperature_before_c: float | None
) -> Report:
    """The report of a session that has read at least one plate."""
    engine = session.engine
    info, module = engine.manifest, engine.manifest.files[MODULE_NAME]
    return Report(
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        bundle=BundleId(
            manifest_sha256=engine.bundle.identity,
            created_by=info.created_by,
            target=info.target.name,
            display_name=info.target.display_name,
            precision=info.precision,
            schedule=info.schedule,
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
            n=session.n,
            unreadable=session.unreadable,
            threads=threads,
            grammar=engine.uses_grammar,
            lpr_run=f"{__version__} on Python {platform.python_version()}",
            numpy=np.__version__,
            opencv=cv2.__version__,
        ),
        warmup=warmup,
        stages={s: distribution(session.samples_ms[s]) for s in STAGES if s in session.samples_ms},
        throughput=round(session.throughput, 3),
        peak_rss_mb=peak_rss_mb(),
        golden_difference=engine.golden_difference,
        accuracy=session.tally.accuracy(),
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
