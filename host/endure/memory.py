"""Memory of a run that goes on and on: `lpr-run`'s loop in a process of its own.

samples, over and over ── pipe ──▶ loop ── events, health ──▶ spool ──▶ Host, by HTTP
"""

from __future__ import annotations

import itertools
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import cv2

from device_runtime.bundle.manifest import MANIFEST_NAME
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from host.endure.loop import SIZE
from host.endure.web_host import Host, serving
from host.paths import REPOSITORY, SAMPLES
from host.trial import Failed, Skipped

LOG = logging.getLogger(__name__)

SETTLED = 10_000
"""Frames after which memory may not grow any more."""
GROWN_BYTES = 1_000_000
"""The bar: by how much it may, at any time."""
LOOKS = 5
"""In a row, whose median counts: what is on its way to the host takes some hundred kilobytes for a moment."""

FRAMES_A_SECOND = 1000
"""The most that are sent; the reader takes the newest."""


def stays_small(bundle: Path, frames: int, settled: int = SETTLED) -> str:
    """Read so many frames of a camera: how much more memory is it than after *settled*?

    Each is a passage, whose event goes to a host by way of the spool, as health reports do.

    Raises:
        Failed: more than `GROWN_BYTES`, or the run ends with an error.
        Skipped: there is no bundle.
    """
    if not (bundle / MANIFEST_NAME).is_file():
        raise Skipped(f"{bundle} is no bundle; build it, or name one with --bundle")
    with serving(Host(keep=False)) as host, tempfile.TemporaryFile() as said:
        command = [
            sys.executable,
            "-m",
            "host.endure.loop",
            str(bundle),
            str(frames),
            str(settled // (2 * LOOKS)),
        ]
        running = subprocess.Popen(
            [*command, f"http://127.0.0.1:{host.server_port}/in"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        assert running.stdin is not None and running.stdout is not None
        threading.Thread(target=_show, args=(running.stdin,), daemon=True).start()
        resident = {}
        for line in running.stdout:
            number, size = map(int, line.split())
            resident[number] = size
            if number == settled or number % (10 * settled) == 0:
                LOG.info(
                    "memory: %.2f MB after %s frames", _median_until(resident, number) / 1e6, f"{number:,}"
                )
        if running.wait():
            said.seek(0)
            raise Failed((said.read().decode().strip().splitlines() or ["it ended"])[-1])
        taken = dict(host.taken)
    until = {number: _median_until(resident, number) for number in list(resident)[LOOKS - 1 :]}
    later = [size for number, size in until.items() if number > settled]
    if settled not in until or not later:
        raise Failed(f"{frames} frames are too few")
    at, grown = until[settled], max(later) - until[settled]
    told = f"{at / 1e6:.1f} MB after {settled:,} frames, at most {grown / 1e6:+.2f} MB until {frames:,}; "
    told += ", ".join(f"{n:,} of {kind}" for kind, n in sorted(taken.items()))
    if grown > GROWN_BYTES:
        raise Failed(told)
    return told


def _median_until(resident: dict[int, int], number: int) -> float:
    """Of the last `LOOKS` up to frame *number*."""
    return statistics.median([size for at, size in resident.items() if at <= number][-LOOKS:])


def _show(camera: IO[bytes]) -> None:
    """Send the samples over and over, until nobody looks."""
    shown = [cv2.resize(read_image(path), SIZE) for path in image_files([SAMPLES])]
    frames = [cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes() for image in shown]
    with suppress(OSError), camera:
        for frame in itertools.cycle(frames):
            camera.write(frame)
            camera.flush()
            time.sleep(1 / FRAMES_A_SECOND)
