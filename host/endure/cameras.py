"""Cameras that come and go: how old a frame is when it is read, and how soon one comes back.

Each is a server in a process of its own, on loopback, that is stopped and started again on the same port.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from device_runtime.sources.frame import Frame
from device_runtime.sources.open import open_source
from device_runtime.sources.settings import SourceSettings
from device_runtime.sources.source import Source
from host.endure.picture import BITS, age_of, number_in
from host.paths import REPOSITORY
from host.trial import Failed, Skipped

READER_FPS = 5
"""What a reader on a small board does."""
AGE_S = 0.25
"""The bar: how old a frame may be when it is read."""
BACK_S = 5.0
"""The bar: how soon after a camera is back its frames have to come."""
_SETTLED_S = 2.0
"""What was buffered while the stream was opened is not counted."""
_LOST_S = 120.0
TIMEOUT_S = 3.0
"""Without a frame after which a camera counts as lost."""
DEBIAN_PYTHON = Path("/usr/bin/python3")


class Server:
    """One of `KINDS`, running while it is a context.

    Args:
        kind: which.

    Attributes:
        t0: second of the monotonic clock that frames are counted from.

    Raises:
        Skipped: GStreamer's server or the codec is not installed.
    """

    def __init__(self, kind: str) -> None:
        self._kind, self._port, self.t0 = kind, 0, time.monotonic()
        self.start()

    @property
    def url(self) -> str:
        """What to give to `open_source`."""
        return f"{self._kind.partition('-')[0].replace('mjpeg', 'http')}://127.0.0.1:{self._port}/video"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        protocol, _, codec = self._kind.partition("-")
        python = sys.executable if protocol == "mjpeg" else str(DEBIAN_PYTHON)
        command = [python, "-m", f"host.endure.{protocol}_server", self._port, self.t0, codec]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(
            [*map(str, command)],
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            _, error = self._process.communicate()
            raise Skipped((error.strip().splitlines() or ["the server does not start"])[-1])
        self._port = int(said)

    def stop(self) -> None:
        """Kill it, as when its power fails, but that the kernel says so."""
        self._process.kill()
        self._process.communicate()

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP: it is silent, though connected; SIGCONT: it goes on."""
        self._process.send_signal(number)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def stays_young(kind: str, seconds: float) -> str:
    """Read a source of 30 frames a second at 5 a second: how old are the frames?

    Raises:
        Failed: more than 1 % of them are older than `AGE_S`.
        Skipped: as `Server`.
    """
    ages: list[float] = []
    with Server(kind) as server:
        source = open_source(server.url, SourceSettings(timeout=TIMEOUT_S))
        try:
            begin = time.monotonic()
            while (now := time.monotonic()) < begin + _SETTLED_S + seconds:
                frame = source.next(TIMEOUT_S)
                if isinstance(frame, Frame) and now > begin + _SETTLED_S:
                    ages.append(age_of(_number_of(frame), server.t0))
                time.sleep(1 / READER_FPS)
            dropped = source.counts.dropped
        finally:
            source.close()
    if len(ages) < seconds * READER_FPS / 2:
        raise Failed(f"{len(ages)} frames came in {seconds:.0f} s")
    p50, p99 = np.percentile(ages, (50, 99))
    said = f"age of {len(ages)} frames p50 {1000 * p50:.0f}, p99 {1000 * p99:.0f}, "
    said += f"longest {1000 * max(ages):.0f} ms; {dropped} dropped"
    if p99 > AGE_S:
        raise Failed(said)
    return said


def comes_back(kind: str, aways_s: tuple[float, ...]) -> str:
    """Take a camera away for so many seconds each, killed and silent in turns: how soon do frames come again?

    Raises:
        Failed: longer than `BACK_S` after it is back.
        Skipped: as `Server`.
    """
    took: list[float] = []
    with Server(kind) as server:
        source = open_source(server.url, SourceSettings(timeout=TIMEOUT_S))
        try:
            for turn, away_s in enumerate(aways_s):
                _read_until(source, lambda: False, 1.0)
                losses = source.counts.losses
                silent = turn % 2 == 1
                server.signal(signal.SIGSTOP) if silent else server.stop()
                if not _read_until(source, lambda: source.counts.losses > losses, _LOST_S):  # noqa: B023
                    raise Failed(f"{_LOST_S:.0f} s after it went, it does not count as lost")
                time.sleep(away_s)
                server.signal(signal.SIGCONT) if silent else server.start()
                took.append(_back_after(source, server))
        finally:
            source.close()
    told = ", ".join(f"{seconds:.1f}" for seconds in took)
    if max(took) > BACK_S:
        raise Failed(f"frames came {told} s after it was back")
    return f"away {len(took)} times, frames {told} s after it was back"


def _back_after(source: Source, server: Server) -> float:
    start = time.monotonic()
    while time.monotonic() < start + _LOST_S:
        frame = source.next(0.5)
        # Not one that was taken before.
        if isinstance(frame, Frame) and age_of(_number_of(frame), server.t0) < time.monotonic() - start:
            return time.monotonic() - start
    raise Failed(f"{_LOST_S:.0f} s after it was back there is no frame")


def _read_until(source: Source, condition: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        source.next(0.1)
        if condition():
            return True
    return False


def _number_of(frame: Frame) -> int:
    columns = frame.image.mean(axis=(0, 2)).reshape(BITS, -1)
    middle = columns.shape[1] // 4
    return number_in(columns[:, middle:-middle].mean(axis=1).tolist())
