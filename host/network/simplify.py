"""Checkpoint → `Network`: the graph identities that make LPRNet smaller without changing what it computes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from host.network.graph import Context, Conv, FloatArray, MaxPool, Network
from lprnet.network.checkpoint import Checkpoint
from lprnet.network.model import Widths, kept_channels

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
    state = checkpoint.state
    widths = Widths.of(state)
    backbone = "backbone."

    def conv(
        name: str, key: str, norm: str | None = None, padding: tuple[int, int] = (0, 0), relu: bool = True
    ) -> Conv:
        weight, bias = _numpy(state[f"{key}.weight"]), _numpy(state[f"{key}.bias"])
        if norm:
            weight, bias = _fold(weight, bias, state, norm)
        weight, bias = (np.where(np.abs(a) < NEGLIGIBLE, np.float32(0), a) for a in (weight, bias))
        return Conv(name, weight, bias, padding, relu)

    def block(name: str, index: int, norm: str) -> list[Conv]:
        key = f"{backbone}{index}.block."
        return [
            conv(f"{name}.reduce", key + "0"),
            conv(f"{name}.vertical", key + "2", padding=(1, 0)),
            conv(f"{name}.horizontal", key + "4", padding=(0, 1)),
            conv(f"{name}.expand", key + "6", norm=backbone + norm),
        ]

    layers: list[Conv | MaxPool] = [
        conv("stem", backbone + "0", backbone + "1"),
        MaxPool("pool1", widths.stem, 1),
    ]
    layers += block("block1", 4, "5")
    layers += [MaxPool("pool2", widths.pool2, 2), *block("block2", 8, "9"), *block("block3", 11, "12")]
    layers += [MaxPool("pool3", widths.pool3, 2), conv("wide", backbone + "16", backbone + "17")]
    layers += [conv("tall", backbone + "20", backbone + "21")]

    head = conv("head", "container.0", relu=False)
    contexts = (
        Context("stem", (5, 5), (5, 5)),
        Context("block1.expand", (5, 5), (5, 5)),
        Context("block3.expand", (4, 10), (4, 2)),
        Context("tall", (1, 1), (1, 1)),
    )
    network = Network(tuple(layers), contexts, head)
    for source, kept in (("block1.expand", widths.pool2), ("block3.expand", widths.pool3)):
        network = _lead(network, source, kept)
    return network


def leading(channels: int, kept: int) -> NDArray[np.int64]:
    """The order of *channels* channels in which those that a pool keeps come first, neither side shuffled."""
    first = np.arange(channels)[kept_channels(channels, kept)]
    return np.concatenate([first, np.setdiff1d(np.arange(channels), first)])


def _numpy(tensor: Tensor) -> FloatArray:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)


def _fold(
    weight: FloatArray, bias: FloatArray, state: dict[str, Tensor], norm: str
) -> tuple[FloatArray, FloatArray]:
    mean, var, gamma, beta = (
        state[f"{norm}.{k}"].double().numpy() for k in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gamma / np.sqrt(var + BATCH_NORM_EPSILON)
    folded = weight * scale[:, None, None, None], (bias - mean) * scale + beta
    return folded[0].astype(np.float32), folded[1].astype(np.float32)


def _lead(network: Network, source: str, kept: int) -> Network:
    """Reorder the output channels of *source* so that those that a pool keeps come first."""
    channels = network.shapes[source].channels
    order = leading(channels, kept)
    layers: list[Conv | MaxPool] = []
    for layer in network.layers:
        if isinstance(layer, Conv) and layer.name == source:
            layer = Conv(layer.name, layer.weight[order], layer.bias[order], layer.padding, layer.relu)
        layers.append(layer)
    start = 0
    for context in network.contexts:
        if context.source == source:
            break
        start += network.shapes[context.source].channels
    weight = network.head.weight.copy()
    weight[:, start : start + channels] = weight[:, start + order]
    return Network(
        tuple(layers), network.contexts, Conv("head", weight, network.head.bias, relu=False), network.input
    )
