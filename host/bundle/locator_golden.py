"""What a board must compute with the locator's networks before it is trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from device_runtime.bundle.locator_golden import GoldenMap
from host.kernels.bfloat16 import BFloat16
from host.kernels.microkernel import MicroKernel
from host.network.conv_graph import (
    ConvGraph,
    Node,
    QuantizedGraph,
    activate,
    planes,
    run,
    run_quantized,
    walk,
)
from host.quantize.scenes import scene_samples, view_samples

SIZES = ((128, 128), (64, 192))
"""px, height and width, of golden inputs of the network that takes any size."""
VIEWS = 1
"""Golden inputs of the other one."""

Reference = Callable[[torch.Tensor], torch.Tensor]
"""Pixels float64[N,3,H,W] → float64[N,channels,h,w]."""


def golden_maps(references: Mapping[str, Reference]) -> tuple[GoldenMap, ...]:
    """Run *references*, by network, over rendered pictures.

    Computed in float64 so that every host that builds the bundle writes the same float32.
    """
    samples = scene_samples(len(SIZES))
    scenes = [samples[i, :height, :width] for i, (height, width) in enumerate(SIZES)]
    finds = [
        GoldenMap(network="find", image=image, output=_run(references["find"], image)) for image in scenes
    ]
    refines = [
        GoldenMap(network="refine", image=image, output=_run(references["refine"], image))
        for image in view_samples(VIEWS)
    ]
    return (*finds, *refines)


def _run(reference: Reference, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.no_grad():
        return reference(planes(image[None]).double())[0].numpy().astype(np.float32)


def graph_reference(network: ConvGraph | QuantizedGraph, microkernel: MicroKernel) -> Reference:
    """What *network* computes: the integers of a quantized one, else its floats.

    Args:
        microkernel: of the kernels that compute it; those of `BFloat16` round weights and maps.
    """
    if isinstance(network, QuantizedGraph):
        return lambda image: run_quantized(network, image)
    if isinstance(microkernel, BFloat16):
        return _in_bfloat16(network)
    return lambda image: run(network, image)


def _in_bfloat16(graph: ConvGraph) -> Reference:
    """*graph* with all weights and all maps but the output rounded; sums are fp32."""

    def rounded(node: Node) -> Node:
        weight = _rounded(torch.from_numpy(node.conv.weight)).numpy()
        return replace(node, conv=replace(node.conv, weight=weight))

    rounding = replace(graph, nodes=tuple(map(rounded, graph.nodes)))

    def compute(node: Node, x: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
        y = activate(node, x, other)
        return y if node is rounding.output else _rounded(y)

    def reference(image: torch.Tensor) -> torch.Tensor:
        *_, (_, output) = walk(rounding, image, compute)
        return output

    return reference


def _rounded(x: torch.Tensor) -> torch.Tensor:
    """To bfloat16, in its own dtype."""
    return x.bfloat16().to(x.dtype)
