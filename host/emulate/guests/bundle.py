"""A bundle's inference on an emulated board: the compiled module, through its C ABI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_runtime.bundle.manifest import read_manifest
from device_runtime.model.abi import Model


def load(folder: str) -> Callable[[], object]:
    """One inference on zeros of the bundle in *folder*."""
    bundle = Path(folder)
    info = read_manifest(bundle)
    model = Model(bundle / "model.so", bundle, input_shape=info.input.shape, output_shape=info.output.shape)
    return model.run
