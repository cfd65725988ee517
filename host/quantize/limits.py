"""Which part of each map's range is represented: that with which a graph's output is least wrong.

What a map's squared error says (`observe`) is led by what is frequent. In a picture that is the background:
plates make the largest activations, are rare, and lose by clipping what nothing else has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from host.network.conv_graph import IMAGE, ConvGraph, activate, walk
from host.network.integer import LEVELS

OutputError = Callable[[Tensor, Tensor], Tensor]
"""How wrong each of outputs [N,channels,h,w] is, the exact ones given second: float[N]."""

SHARES = np.geomspace(1.0, 0.5, 4)
"""Of a map's largest value: limits that are tried, the widest first."""
BATCH = 4


def least_wrong(graph: ConvGraph, images: Tensor, error: OutputError) -> dict[str, float]:
    """The largest value that is represented, by node, of all maps but the output.

    Each map is quantized alone, with each of `SHARES`, and the rest of the network computed in floats.

    Args:
        images: [N,3,H,W].
        error: summed over the images.
    """
    nodes = graph.nodes[:-1]
    largest = dict.fromkeys((node.name for node in nodes), 0.0)
    for maps in _maps(graph, images):
        largest = {name: max(most, float(maps[name].max())) for name, most in largest.items()}
    # A map that is always zero is quantized as if it reached 1.
    limits = {name: SHARES * (most or 1.0) for name, most in largest.items()}
    wrong = {node.name: np.zeros(len(SHARES)) for node in nodes}
    for maps in _maps(graph, images):
        right = maps[graph.output.name]
        for node in nodes:
            for i, limit in enumerate(limits[node.name].tolist()):
                output = _output_with(graph, maps, node.name, _represented(maps[node.name], limit))
                wrong[node.name][i] += float(error(output, right).double().sum())
    # Of equals the first one, which is the widest.
    return {name: float(limits[name][np.argmin(wrong[name])]) for name in limits}


def _maps(graph: ConvGraph, images: Tensor) -> Iterator[dict[str, Tensor]]:
    """All maps by node, the image among them, for one batch of images after the other."""
    for x in images.split(BATCH):
        yield {IMAGE: x} | {node.name: y for node, y in walk(graph, x)}


def _represented(x: Tensor, limit: float) -> Tensor:
    """*x* as uint8 holds it, where its highest level is *limit*."""
    scale = limit / LEVELS
    return torch.round(x / scale).clamp_(0, LEVELS).mul_(scale)


def _output_with(graph: ConvGraph, maps: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """The output where the map of node *name* is *x*; what does not depend on it is in *maps*."""
    changed = {name: x}
    for node in graph.nodes:
        if node.source in changed or node.add in changed:
            source = changed.get(node.source, maps[node.source])
            other = changed.get(node.add, maps[node.add]) if node.add else None
            changed[node.name] = activate(node, source, other)
    return changed[graph.output.name]
