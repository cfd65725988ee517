"""loop.py BUNDLE FRAMES EVERY: `lpr-run`'s own loop over the samples, followed; tells its memory.

A line for each EVERY frames: how many there were, and the bytes that are resident then.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from device_runtime.configuration import Configuration, EventSettings
from device_runtime.read.settings import ReadSettings
from device_runtime.run import Options, run
from device_runtime.service.settings import ServiceSettings
from device_runtime.sinks.settings import OutputSettings
from device_runtime.sinks.sink import Result, Sink
from host.paths import SAMPLES


class Weigh(Sink):
    """Looks at the memory of this process."""

    def __init__(self, every: int) -> None:
        self._frames, self._every, self._page = 0, every, os.sysconf("SC_PAGE_SIZE")

    def add(self, result: Result) -> None:
        """As `Sink.add`."""
        self._frames += 1
        if self._frames % self._every == 0:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * self._page
            os.write(1, b"%d %d\n" % (self._frames, resident))


if __name__ == "__main__":
    bundle, frames, every = sys.argv[1:]
    settings = Configuration(
        reader=ReadSettings(bundle=Path(bundle), crop=True),
        # Forgotten at once, so that there is an event for each frame.
        events=EventSettings(follow=True, delay=0.0, patience=0.05, memory=0.0),
        output=OutputSettings(csv=Path(os.devnull), json=True),
        service=ServiceSettings(cores="all"),
    )
    with Path(os.devnull).open("w") as sys.stdout:
        run(Options(configuration=settings, images=(SAMPLES,), benchmark=int(frames)), Weigh(int(every)))
