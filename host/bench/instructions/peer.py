"""A peer's inference on an emulated board: its own benchmark session, called as a program there calls it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from device_runtime.read.preprocess import DEFAULT


def load(module: str, precision: str, folder: str) -> Callable[[], object]:
    """One inference on zeros by the runtime *module* with the model that it converted into *folder*."""
    runtime = importlib.import_module(module)
    infer = runtime.load(Path(folder), precision, 1)
    tensor = np.zeros((1, 3, DEFAULT.height, DEFAULT.width), np.float32)
    if hasattr(runtime, "as_input"):
        tensor = runtime.as_input(tensor)
    return lambda: infer(tensor)
