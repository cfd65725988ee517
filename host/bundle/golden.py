"""Computes the golden outputs: what a board must compute before it is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.bundle.golden import Golden
from device_runtime.bundle.manifest import PreprocessInfo
from device_runtime.read.preprocess import DEFAULT, prepare, resize
from device_runtime.sources.image import read_image
from host.kernels.bfloat16 import BFloat16
from host.kernels.microkernel import MicroKernel
from host.network.graph import Conv, MaxPool, Network
from host.network.graph import run as run_float
from host.network.integer import QuantizedNetwork
from host.network.integer import run as run_quantized

COUNT = 4
"""How many plates."""
USUAL = 200.0
"""Logits up to which tolerances hold as they are; a network from elsewhere may have ten times larger ones."""

Reference = Callable[[torch.Tensor], torch.Tensor]
"""Image float64[N,3,24,94] → logits float64[N,classes,steps]."""


def golden(reference: Reference, atol: float, samples: Path, spec: PreprocessInfo = DEFAULT) -> Golden:
    """Run *reference* over the first plates of the folder *samples*, prepared by *spec*.

    Computed in float64 so that every host that builds the bundle writes the same float32. Logits beyond
    `USUAL` may be off by as much more than *atol*.
    """
    paths = sorted(p for p in samples.iterdir() if p.suffix in (".png", ".jpg"))[:COUNT]
    images = np.stack([resize(read_image(p), spec) for p in paths])
    inputs = np.empty((len(images), 3, DEFAULT.height, DEFAULT.width), np.float32)
    for i, image in enumerate(images):
        prepare(image, inputs[i : i + 1], spec)
    with torch.no_grad():
        logits = reference(torch.from_numpy(inputs).double()).numpy()
    return Golden(images, logits.astype(np.float32), atol * beyond_usual(logits))


def beyond_usual(logits: NDArray[np.floating]) -> float:
    """How much larger than `USUAL` the largest of *logits* is; 1 where none is."""
    return max(1.0, float(np.abs(logits).max()) / USUAL)


def reference(network: Network | QuantizedNetwork, microkernel: MicroKernel | None = None) -> Reference:
    """What *network* computes: the integers of a quantized one, else its floats.

    Args:
        microkernel: of the kernels that compute it; those of `BFloat16` round weights and maps.
    """
    if isinstance(network, QuantizedNetwork):
        return lambda image: run_quantized(network, image.float())
    if isinstance(microkernel, BFloat16):
        return in_bfloat16(network)
    return lambda image: run_float(network, image)


def in_bfloat16(network: Network) -> Reference:
    """*network* with weights and maps rounded where `BFloat16` kernels read them; their sums are fp32."""

    def rounded(x: torch.Tensor) -> torch.Tensor:
        return x.bfloat16().to(x.dtype)

    def stored(layer: Conv | MaxPool) -> Conv | MaxPool:
        if not isinstance(layer, Conv) or layer is network.convs[0]:
            return layer
        return replace(layer, weight=rounded(torch.from_numpy(layer.weight)).numpy())

    rounding = replace(network, layers=tuple(map(stored, network.layers)))
    return lambda image: run_float(rounding, image, rounded)
