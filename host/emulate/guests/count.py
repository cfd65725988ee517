"""What `count_inference` runs on the emulated board: one inference, bracketed by markers."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from device_runtime.bundle.manifest import read_manifest
from device_runtime.model.abi import Model

MARKER = 4000
"""As in count_instructions.c."""


def main(bundle: Path) -> None:
    """Count nothing under the label 0, then an inference on zeros under the label 1."""
    manifest = read_manifest(bundle)
    model = Model(bundle / "model.so", bundle, manifest.input.shape, manifest.output.shape)
    mark = ctypes.CDLL(None).syscall
    works: tuple[Callable[[], object], ...] = (lambda: None, model.run)
    for label, work in enumerate(works):
        work()
        work()
        mark(MARKER, 0, 0)
        work()
        mark(MARKER, 1, label)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
