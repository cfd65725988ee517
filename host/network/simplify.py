"""Checkpoint → `Network`: the graph identities that make LPRNet smaller without changing what it computes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from host.network.graph import Context, Conv, FloatArray, MaxPool, Network
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import CONTAINER, LAYERS, Widths, kept_channels

BATCH_NORM_EPSILON = 1e-5
"""torch.nn.BatchNorm2d's default, which LPRNet was trained with."""

NEGLIGIBLE = 2.0**-60
"""Weights below this are zero: they cannot change a float32 logit, but their products are subnormal numbers,
which cost an x86 core some hundred cycles each (the public checkpoint has thousands of such weights)."""


def simplify(checkpoint: Checkpoint) -> Network:
    """Fold BatchNorms, drop dropout, make pooled channels leading, and move the mean over H before the head.

    Negligible weights become zero, too.

    - BatchNorm after a convolution: w' = w·γ/σ, b' = (b − μ)·γ/σ + β.
    - A channel-strided pool keeps every s-th channel: the convolution before it gets its output channels
      reordered so that those come first, and everything that reads them is reordered alike.
    - The head is linear, so the mean over H is taken before it: a quarter of its work.
    """
    state, widths = checkpoint.state, Widths.of(checkpoint.state)
    layers: list[Conv | MaxPool] = []
    contexts = []
    for layer in LAYERS:
        weight, bias = weight_and_bias(state, layer.conv, layer.norm)
        layers.append(Conv(layer.name, weight, bias, layer.padding))
        if layer.context:
            contexts.append(Context(layer.name, layer.context.kernel, layer.context.stride))
        if layer.pool_stride:
            number = 1 + sum(isinstance(earlier, MaxPool) for earlier in layers)
            layers.append(MaxPool(f"pool{number}", widths.pooled[layer.name], layer.pool_stride))
    head = Conv("head", *weight_and_bias(state, CONTAINER), relu=False)
    network = Network(tuple(layers), tuple(contexts), head)
    for source, kept in widths.pooled.items():
        order = pooled_channels_first(network.shapes[source].channels, kept)
        network = _reordered(network, source, order)
    return network


def pooled_channels_first(channels: int, kept: int) -> NDArray[np.int64]:
    """The order of *channels* channels in which those that a pool keeps come first, neither side shuffled."""
    first = np.arange(channels)[kept_channels(channels, kept)]
    return np.concatenate([first, np.setdiff1d(np.arange(channels), first)])


def weight_and_bias(
    state: Mapping[str, Tensor], conv: str, norm: str | None = None
) -> tuple[FloatArray, FloatArray]:
    """Of the convolution and BatchNorm with these prefixes, in one, without negligible weights.

    A convolution without a bias has zeros.
    """
    weight = _numpy(state[f"{conv}.weight"])
    given = state.get(f"{conv}.bias")
    bias = np.zeros(len(weight), np.float32) if given is None else _numpy(given)
    if norm:
        weight, bias = _fold(weight, bias, state, norm)
    return _without_negligible(weight), _without_negligible(bias)


def _without_negligible(values: FloatArray) -> FloatArray:
    return np.where(np.abs(values) < NEGLIGIBLE, np.float32(0), values)


def _numpy(tensor: Tensor) -> FloatArray:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


def _fold(
    weight: FloatArray, bias: FloatArray, state: Mapping[str, Tensor], norm: str
) -> tuple[FloatArray, FloatArray]:
    mean, var, gamma, beta = (
        state[f"{norm}.{k}"].double().numpy() for k in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gamma / np.sqrt(var + BATCH_NORM_EPSILON)
    folded = weight * scale[:, None, None, None], (bias - mean) * scale + beta
    return folded[0].astype(np.float32), folded[1].astype(np.float32)


def _reordered(network: Network, source: str, order: NDArray[np.int64]) -> Network:
    """The output channels of layer *source* in *order*; what the head reads of them is reordered alike."""

    def reordered(layer: Conv | MaxPool) -> Conv | MaxPool:
        if not isinstance(layer, Conv) or layer.name != source:
            return layer
        return replace(layer, weight=layer.weight[order], bias=layer.bias[order])

    before = itertools.takewhile(lambda context: context.source != source, network.contexts)
    start = sum(network.shapes[context.source].channels for context in before)
    weight = network.head.weight.copy()
    weight[:, start : start + len(order)] = weight[:, start + order]
    layers = tuple(map(reordered, network.layers))
    return replace(network, layers=layers, head=replace(network.head, weight=weight))
