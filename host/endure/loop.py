"""loop.py BUNDLE FRAMES EVERY HOST: `lpr-run`'s own loop over a camera on standard input; tells its memory.

Frames are raw ones of `SIZE`. Each makes an event, which goes by way of the spool to the web address HOST, as
health reports do. A line for each EVERY frames: how many there were, and the bytes that are resident then.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from device_runtime.configuration import Configuration, EventSettings
from device_runtime.delivery.settings import DeliverySettings
from device_runtime.read.settings import ReadSettings
from device_runtime.run import Options, run
from device_runtime.service.settings import HealthSettings, ServiceSettings
from device_runtime.service.trim import trim
from device_runtime.sinks.settings import OutputSettings
from device_runtime.sinks.sink import Result, Sink
from device_runtime.sources.settings import SourceSettings

SIZE = (192, 48)
HEALTH_S = 4.0
"""Of a camera, a million frames take nine hours: as many reports, one a minute there, are made here."""


class Weigh(Sink):
    """Looks at the memory that this process uses."""

    def __init__(self, every: int) -> None:
        self._frames, self._every, self._page = 0, every, os.sysconf("SC_PAGE_SIZE")

    def add(self, result: Result) -> None:
        """As `Sink.add`."""
        self._frames += 1
        if self._frames % self._every == 0:
            # As a run does once a minute.
            trim()
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * self._page
            os.write(1, b"%d %d\n" % (self._frames, resident))


def settings_for(bundle: Path, host: str, spool: Path) -> Configuration:
    """A camera whose every frame is a passage of its own."""
    return Configuration(
        source=SourceSettings(camera="-", size=SIZE),
        reader=ReadSettings(bundle=bundle, crop=True),
        # Forgotten before the next frame.
        events=EventSettings(delay=0.0, patience=1e-6, memory=0.0, readings=1),
        delivery=DeliverySettings(events=host, report=host, crops=True, spool=spool),
        output=OutputSettings(csv=Path(os.devnull), json=True),
        health=HealthSettings(interval=HEALTH_S),
        service=ServiceSettings(cores="all"),
    )


if __name__ == "__main__":
    bundle, frames, every, host = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="lpr-memory-") as spool, Path(os.devnull).open("w") as sys.stdout:
        settings = settings_for(Path(bundle), host, Path(spool))
        run(Options(configuration=settings, benchmark=int(frames)), Weigh(int(every)))
