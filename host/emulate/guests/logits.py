"""What `test-device` runs on the board's side, emulated, and on the host: lpr-run, keeping the logits.

Imports nothing but the device package, and is copied beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_runtime.configuration import Configuration
from device_runtime.console import configure_logging, fail
from device_runtime.errors import FatalError
from device_runtime.read.settings import ReadSettings
from device_runtime.run import Options, run
from device_runtime.sinks.settings import OutputSettings
from device_runtime.sinks.sink import Result, Sink


class Logits(Sink):
    """Keeps what plates are decoded from: an emulated inference takes a second, too long to do twice."""

    def __init__(self) -> None:
        self.kept: list[NDArray[np.float32]] = []

    def add(self, result: Result) -> None:
        (found,) = result.found
        assert found.reading is not None, "an image of a plate is not cut"
        self.kept.append(found.reading.logits)


def main(bundle: str, images: str, path: str) -> int:
    """Print lpr-run's JSON lines for *images* and save their logits, float32 [n, classes, steps], to *path*.

    Returns:
        lpr-run's exit status.
    """
    configure_logging()
    logits = Logits()
    configuration = Configuration(
        reader=ReadSettings(bundle=Path(bundle), crop=True, grammar=False, looks=False, min_confidence=0.0),
        output=OutputSettings(json=True),
    )
    options = Options(configuration=configuration, images=(Path(images),), warmup=0)
    try:
        status = run(options, logits)
    except FatalError as error:
        fail(error)
    if logits.kept:
        np.save(path, np.stack(logits.kept))
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
