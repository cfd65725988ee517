"""Memory of a run that goes on and on: `lpr-run`'s loop in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from device_runtime.bundle.manifest import MANIFEST_NAME
from host.trial import Failed, Skipped

SETTLED = 10_000
"""Frames after which memory may not grow any more."""
GROWN_BYTES = 1_000_000
"""The bar: by how much it may, at any time."""


def stays_small(bundle: Path, frames: int, settled: int = SETTLED) -> str:
    """Read so many frames, with an event for each: how much more memory is it than after *settled*?

    Raises:
        Failed: more than `GROWN_BYTES`, or the run ends with an error.
        Skipped: there is no bundle.
    """
    if not (bundle / MANIFEST_NAME).is_file():
        raise Skipped(f"{bundle} is no bundle; build it, or name one with --bundle")
    command = [sys.executable, "-m", "host.endure.loop", str(bundle), str(frames), str(settled // 2)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it ended"])[-1])
    lines = [line.split() for line in done.stdout.splitlines()]
    resident = {int(number): int(size) for number, size in lines}
    later = [size for number, size in resident.items() if number > settled]
    if settled not in resident or not later:
        raise Failed(f"{frames} frames are too few")
    at, grown = resident[settled], max(later) - resident[settled]
    said = f"{at / 1e6:.1f} MB after {settled:,} frames, at most {grown / 1e6:+.2f} MB until {frames:,}"
    if grown > GROWN_BYTES:
        raise Failed(said)
    return said
