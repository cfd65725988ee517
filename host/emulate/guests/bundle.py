"""Bundles' inferences on an emulated board: the compiled modules, through their C ABI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from device_runtime.bundle.manifest import read_manifest
from device_runtime.model.abi import Model


def load(*folders: str) -> dict[str, Callable[[], object]]:
    """One inference on zeros of the bundle in each of *folders*."""
    return {folder: _inference(Path(folder)) for folder in folders}


def _inference(bundle: Path) -> Callable[[], object]:
    info = read_manifest(bundle)
    model = Model(bundle / "model.so", bundle, input_shape=info.input.shape, output_shape=info.output.shape)
    return model.run
