"""What `test-device` runs on the board's side, emulated, and on the host: lpr-run, keeping the logits.

Imports nothing but the device package, and is copied beside it.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from device_runtime import cli
from device_runtime.read.decode import Decoded
from device_runtime.read.engine import Engine

LOGITS: list[NDArray[np.float32]] = []


class KeepingEngine(Engine):
    """Keeps what it decodes: an emulated inference takes a second, too long to do twice."""

    def decode(self, logits: NDArray[np.float32]) -> Decoded:
        LOGITS.append(logits.copy())
        return super().decode(logits)


def main(bundle: str, images: str, logits: str) -> None:
    """Print lpr-run's JSON lines for *images* and save their logits, float32 [n, classes, steps]."""
    cli.Engine = KeepingEngine  # type: ignore[misc]
    sys.argv = ["lpr-run", "--bundle", bundle, "--images", images, "--json", "--warmup", "0"]
    try:
        cli.main()
    finally:
        if LOGITS:
            np.save(logits, np.stack(LOGITS))


if __name__ == "__main__":
    main(*sys.argv[1:])
