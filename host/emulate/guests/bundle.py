"""A bundle's inference on an emulated board: the compiled module, through its C ABI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_runtime.bundle.manifest import read_manifest
from device_runtime.model.abi import Model


def load(folder: str) -> Callable[[], object]:
    """One inference on zeros of the bundle in *folder*."""
    bundle = Path(folder)
    manifest = read_manifest(bundle)
    return Model(bundle / "model.so", bundle, manifest.input.shape, manifest.output.shape).run
