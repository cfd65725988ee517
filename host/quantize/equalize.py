"""Cross-layer equalization: the channels of one map brought to like ranges, the network's function kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from host.network.conv_graph import ConvGraph, Node
from host.network.graph import Conv, FloatArray, MaxPool, Network


@dataclass(frozen=True, eq=False)
class Equalized:
    """A network whose maps are divided by `factors`, float32[channels] by layer name (1 where absent).

    Its convolutions undo the factors of what they read; a context has to multiply by them.
    """

    network: Network
    factors: Mapping[str, FloatArray]


def equalize(network: Network, largest: Mapping[str, FloatArray]) -> Equalized:
    """Scale channels between a convolution and the next (Nagel et al., arXiv:1906.04721, section 4.1).

    ReLU(s·x) = s·ReLU(x) for s > 0 and max pools commute with it too, so channel i of a map may be divided
    by sᵢ and the weights that read it multiplied by sᵢ. Weights have a scale per output channel here, so of
    the two ranges that the paper balances the first is the channel's largest activation:
    sᵢ = √(activationᵢ / weightᵢ). Channels that no convolution reads come to the largest of the others.

    Args:
        largest: float32[channels] by layer name, the largest activation of each channel.
    """
    layers: list[Conv | MaxPool] = list(network.layers)
    places = [i for i, layer in enumerate(layers) if isinstance(layer, Conv)]
    factors = {}
    for here, there in pairwise(places):
        first, following = layers[here], layers[there]
        assert isinstance(first, Conv) and isinstance(following, Conv)
        factor = _factors(largest[first.name], np.abs(following.weight).max((0, 2, 3)))
        read = factor[: following.weight.shape[1]]
        layers[here] = replace(
            first, weight=first.weight / factor[:, None, None, None], bias=first.bias / factor
        )
        layers[there] = replace(following, weight=following.weight * read[:, None, None])
        factors[first.name] = factor
    return Equalized(replace(network, layers=tuple(layers)), factors)


def equalize_graph(graph: ConvGraph, largest: Mapping[str, FloatArray]) -> ConvGraph:
    """The same for a graph; maps that are added to each other are divided by the same factors.

    Its function is the same, since neither the image nor the output is divided.

    Args:
        largest: float32[channels] by node, the largest activation of each channel.
    """
    factors: dict[str, FloatArray] = {}
    for together in _added_together(graph):
        readers = [reader.conv for name in together for reader in graph.readers(name)]
        if not readers or graph.output.name in together:
            continue
        activation = np.max([_share(largest[name]) for name in together], 0)
        weight = np.max([_share(np.abs(conv.weight).max((0, 2, 3))) for conv in readers], 0)
        factors |= dict.fromkeys(together, _factors(activation, weight))

    def divided(node: Node) -> Node:
        conv = node.conv
        made = factors.get(node.name, np.ones(len(conv.bias), np.float32))
        read = factors.get(node.source, np.ones(conv.weight.shape[1], np.float32))
        weight = conv.weight / made[:, None, None, None] * read[:, None, None]
        return replace(node, conv=replace(conv, weight=weight, bias=conv.bias / made))

    return replace(graph, nodes=tuple(map(divided, graph.nodes)))


def _added_together(graph: ConvGraph) -> list[set[str]]:
    """All nodes, in sets of those whose maps are added to each other."""
    sets: list[set[str]] = []
    for node in graph.nodes:
        found = next((s for s in sets if node.add in s), None)
        if found is None:
            sets.append({node.name})
        else:
            found.add(node.name)
    return sets


def _share(ranges: FloatArray) -> FloatArray:
    """*ranges* of channels as shares of the widest, so that maps of all magnitudes count alike."""
    return ranges / max(float(ranges.max()), 1e-30)


def _factors(activation: FloatArray, weight: FloatArray) -> FloatArray:
    """float32[channels] from the ranges of a map's channels and of the weights that read the leading ones."""
    read = np.zeros(len(activation), bool)
    read[: len(weight)] = (activation[: len(weight)] > 0) & (weight > 0)
    factor = np.ones(len(activation))
    factor[read] = np.sqrt(activation[read] / weight[read[: len(weight)]])
    # A factor common to all channels changes nothing; keep the map's magnitude.
    factor[read] /= np.exp(np.log(factor[read]).mean())
    unread = ~read & (activation > 0)
    factor[unread] = activation[unread] / (activation[read] / factor[read]).max(initial=1e-30)
    return factor.astype(np.float32)
