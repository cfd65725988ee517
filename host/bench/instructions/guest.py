"""What a peer runs on an emulated board: its own benchmark session, bracketed by markers."""

from __future__ import annotations

import ctypes
import importlib
import sys
from pathlib import Path

import numpy as np

from device_runtime.read.preprocess import DEFAULT

MARKER = 4000
"""As in count_instructions.c."""


def main(module: str, precision: str, folder: str) -> None:
    """Count nothing under the label 0, then an inference on zeros under the label 1."""
    runtime = importlib.import_module(module)
    session = runtime.load(Path(folder), precision, 1)
    tensor = np.zeros((1, 3, DEFAULT.height, DEFAULT.width), np.float32)
    if hasattr(runtime, "as_input"):
        tensor = runtime.as_input(tensor)
    mark = ctypes.CDLL(None).syscall
    for label, work in enumerate((lambda: None, lambda: session(tensor))):
        work()
        work()
        mark(MARKER, 0, 0)
        work()
        mark(MARKER, 1, label)


if __name__ == "__main__":
    main(*sys.argv[1:])
