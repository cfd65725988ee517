"""The locator's networks → `ConvGraph`s: BatchNorm folded, the input's scale in the first weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from host.network.conv_graph import IMAGE, ConvGraph, Node
from host.network.graph import Conv
from host.network.simplify import weight_and_bias
from lprnet.locator.geometry import AREA
from lprnet.locator.network import FIND, SCALE, Layer, LocatorNet

TUNED_HEIGHT, TUNED_WIDTH = 256, 384
"""px: the first network's input for frames of 3 : 2, which kernels are tuned for."""


def locator_graphs(model: LocatorNet) -> tuple[ConvGraph, ...]:
    """The networks that are compiled into a locator's module."""
    nodes = tuple(_node(layer, model.find.state_dict()) for layer in FIND)
    return (ConvGraph(name="find", nodes=nodes, height=TUNED_HEIGHT, width=TUNED_WIDTH, area=AREA),)


def _node(layer: Layer, state: Mapping[str, Tensor]) -> Node:
    prefix = layer.name
    weight, bias = weight_and_bias(state, f"{prefix}.conv", f"{prefix}.norm" if layer.relu else None)
    conv = Conv(
        layer.name,
        weight,
        bias,
        padding=(layer.kernel // 2, layer.kernel // 2),
        relu=layer.relu,
        stride=layer.stride,
    )
    if layer.source == IMAGE:
        conv = replace(conv, weight=weight * np.float32(SCALE))
    return Node(conv, layer.source, layer.add)
