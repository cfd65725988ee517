"""What goes on while nobody reads: a thread takes every frame as it arrives and keeps the newest.

    camera ── Capture ── thread ── newest frame ── Live.next
                 │          └─ counts what the reader missed
                 └─ Lost: closed, opened again after a pause that grows to `PAUSES[-1]`

A thread is never abandoned, so a year of losses leaves nothing behind: each `Capture` waits no longer than it
is told to, or runs in a process that can be killed. Where a driver hangs nonetheless, the run ends with an
error, and what supervises it begins again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from device_runtime.errors import FatalError
from device_runtime.moment import Moment
from device_runtime.sources.frame import Frame
from device_runtime.sources.image import Image
from device_runtime.sources.source import Counts, EndOfSource

log = logging.getLogger(__name__)

PAUSES = (0.25, 0.5, 1.0)
"""Seconds before each try to open a camera again; the last one for all that follow."""

_WAIT_S = 0.25
"""How long a capture may wait before it looks whether it is to stop."""
_HANGS_S = 60.0
"""After so long without a sign of life a thread will not give any more."""
_REASONS = 4
"""Different ones that are logged of an outage."""


class Lost(Exception):
    """A camera gives no more frames; says why in a few words."""


@dataclass(frozen=True, eq=False)
class Captured:
    """A frame as it arrived.

    Attributes:
        moment: when.
        decode: BGR uint8 [H, W, 3], or None where it is damaged; called once at most.
        drop: called instead where nobody wants it.
    """

    moment: Moment
    decode: Callable[[], Image | None]
    drop: Callable[[], None] = lambda: None


class Capture(Protocol):
    """An open camera, used by one thread, except for what it captured."""

    def read(self, timeout_s: float) -> Captured | None:
        """The next frame; None where there is none within about *timeout_s* seconds.

        Raises:
            Lost: there will be no more.
            EndOfSource: likewise, and that is in order.
        """

    def interrupt(self) -> None:
        """Have `read` return soon; called by another thread."""

    def close(self) -> None:
        """Let go of it."""


Connect = Callable[[], Capture]
"""Opens a camera, within the time that its settings allow. Raises: `FatalError` with what to do about it."""


class Live:
    """A camera, stream or pipe as a source; see `Source`.

    Attributes:
        name: what to print and report.
        live: whether frames are dropped that the reader is too slow for, else the sender has to wait.
    """

    def __init__(
        self,
        name: str,
        connect: Connect,
        *,
        timeout_s: float,
        fps: float | None = None,
        live: bool = True,
        reconnects: bool = True,
        recorded: bool = False,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Open it and wait for the first frame.

        Args:
            name: without user and password.
            connect: opens it, now and after a loss.
            timeout_s: without a frame after which it counts as lost; twice as long to begin with.
            fps: the most frames a second that are taken; the others do not count as dropped.
            live: see above.
            reconnects: whether it is opened again after a loss; else waited for.
            recorded: its frames have moments of their own, so that `next` waits for one or the end.
            done: called when it will not be opened again.

        Raises:
            FatalError: it does not open, or there is no frame.
        """
        self.name, self.live = name, live
        self._connect, self._timeout_s, self._reconnects = connect, timeout_s, reconnects
        self._recorded, self._done = recorded, done
        self._interval_s, self._due = 1 / fps if fps else 0.0, 0.0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._capture: Capture | None = None
        self._newest: tuple[int, Captured] | None = None
        self._over: Exception | None = None
        self._counts = Counts()
        self._arrived = 0
        self._lost_at: float | None = None
        self._tries = 0
        self._reasons: set[str] = set()
        self._alive = time.monotonic()
        self._warned = False
        self._thread = threading.Thread(target=self._run, name=f"frames of {name}", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._over, 2 * timeout_s + _HANGS_S)
            if self._newest is None:
                error = self._over or self._hangs()
                self._stop.set()
                if isinstance(error, EndOfSource):
                    error = FatalError(f"camera {name}", "ends without a frame", "check what sends it")
                raise error

    @property
    def counts(self) -> Counts:
        """What has become of its frames so far."""
        with self._changed:
            lost_s = time.monotonic() - self._lost_at if self._lost_at is not None else 0.0
            return replace(self._counts, lost_s=self._counts.lost_s + lost_s)

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame, once; see `Source.next`."""
        until = time.monotonic() + timeout_s
        while True:
            with self._changed:
                left = _WAIT_S if self._recorded else max(until - time.monotonic(), 0.0)
                if not self._changed.wait_for(lambda: self._newest or self._over, left):
                    if time.monotonic() - self._alive > _HANGS_S + 2 * self._timeout_s:
                        raise self._hangs()
                    if self._recorded:
                        continue
                    return None
                if self._newest is None:
                    raise self._over or EndOfSource
                number, captured = self._newest
                self._newest = None
                self._changed.notify_all()
            began = time.perf_counter()
            image = captured.decode()
            read_ms = 1000 * (time.perf_counter() - began)
            if image is not None:
                with self._changed:
                    self._counts = replace(self._counts, frames=self._counts.frames + 1)
                source = f"{self.name}#{number}"
                return Frame(source=source, image=image, read_ms=read_ms, moment=captured.moment)
            with self._changed:
                self._counts = replace(self._counts, damaged=self._counts.damaged + 1)
            if not self._warned:
                self._warned = True
                log.warning("camera %s: sends damaged frames; they are counted and left out", self.name)

    def close(self) -> None:
        """End the thread and let go of the camera."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        if capture := self._capture:
            capture.interrupt()
        # While it is away there is nothing to let go of, and a try to open it may take its time to fail.
        self._thread.join(1.5 if self._capture else 0.3)
        with self._changed:
            if self._newest:
                self._newest[1].drop()
                self._newest = None

    def _hangs(self) -> FatalError:
        return FatalError(
            f"camera {self.name}", "hangs, and cannot be let go", "plug it in again, then start again"
        )

    def _run(self) -> None:
        try:
            self._capture = self._connect()
            while not self._stop.is_set():
                try:
                    if self._pump(self._capture):
                        return
                except Lost as lost:
                    if self._stop.is_set():
                        # It was interrupted.
                        return
                    if not self._arrived:
                        raise FatalError(f"camera {self.name}", str(lost), "check what sends it") from None
                    self._lose(str(lost), time.monotonic())
                self._let_go()
                self._capture = self._reopened()
                if self._capture is None:
                    return
        except Exception as error:  # Whatever it is, the reader has to know.
            with self._changed:
                self._over = error
                self._changed.notify_all()
        finally:
            self._let_go()
            self._done()

    def _let_go(self) -> None:
        capture, self._capture = self._capture, None
        if capture:
            capture.close()

    def _pump(self, capture: Capture) -> bool:
        """Hand on frames; True when asked to stop, by an exception when there are no more."""
        began = last = time.monotonic()
        patience = 2 * self._timeout_s
        while not self._stop.is_set():
            self._alive = time.monotonic()
            captured = capture.read(_WAIT_S)
            if captured is not None:
                self._found()
                self._keep(captured)
                # Not from before: time in which the reader let the sender wait is not the sender's.
                last, patience = time.monotonic(), self._timeout_s
                if last - began > self._timeout_s:
                    self._tries = 0
            elif (silent := time.monotonic() - last) > patience:
                if self._reconnects or not self._arrived:
                    raise Lost(f"no frame for {silent:.1f} s")
                self._lose(f"no frame for {silent:.1f} s", last)
        return True

    def _keep(self, captured: Captured) -> None:
        at = captured.moment.monotonic
        # A camera's frames come a little early or late.
        if at < self._due - self._interval_s / 4:
            captured.drop()
            return
        self._due = max(self._due + self._interval_s, at)
        with self._changed:
            while not self.live and self._newest and not self._stop.is_set():
                self._alive = time.monotonic()
                self._changed.wait(_WAIT_S)
            self._arrived += 1
            if self._newest:
                self._newest[1].drop()
                self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
            self._newest = self._arrived, captured
            self._changed.notify_all()

    def _lose(self, reason: str, since: float) -> None:
        """Count and log an outage, once."""
        if self._lost_at is not None:
            return
        with self._changed:
            self._lost_at = since
            self._counts = replace(self._counts, losses=self._counts.losses + 1)
        self._reasons = {reason}
        todo = "opening it again" if self._reconnects else "waiting"
        log.warning("camera %s: lost, %s – %s", self.name, reason, todo)

    def _found(self) -> None:
        """The outage is over, if there was one."""
        if self._lost_at is None:
            return
        with self._changed:
            away = time.monotonic() - self._lost_at
            counts, self._lost_at = self._counts, None
            self._counts = replace(counts, reconnects=counts.reconnects + 1, lost_s=counts.lost_s + away)
        log.warning("camera %s: back after %.1f s", self.name, away)

    def _reopened(self) -> Capture | None:
        """The camera, opened again; None when asked to stop."""
        while not self._stop.wait(PAUSES[min(self._tries, len(PAUSES) - 1)]):
            self._alive = time.monotonic()
            self._tries += 1
            try:
                return self._connect()
            except FatalError as error:
                if len(self._reasons) < _REASONS and error.why not in self._reasons:
                    self._reasons.add(error.why)
                    log.warning("camera %s: still away, %s", self.name, error.why)
        return None
