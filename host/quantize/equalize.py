"""Cross-layer equalization: the channels of one map brought to like ranges, the network's function kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

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
