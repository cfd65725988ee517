"""The locator's networks → `ConvGraph`s: BatchNorm folded, the input's scale in the first weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from device_runtime.locate.geometry import AREA, VIEW_HEIGHT, VIEW_WIDTH
from host.network.conv_graph import IMAGE, ConvGraph, Node
from host.network.graph import Conv
from host.network.simplify import weight_and_bias
from lprnet.locator.network import SCALE, ConvNet, Layer, LocatorNet

TUNED_HEIGHT, TUNED_WIDTH = 256, 384
"""px: the first network's input for frames of 3 : 2, which kernels are tuned for."""


def find_graph(model: LocatorNet) -> ConvGraph:
    """The network that proposes plates, for an input of any size."""
    nodes = _nodes(model.find)
    return ConvGraph(name="find", nodes=nodes, height=TUNED_HEIGHT, width=TUNED_WIDTH, area=AREA)


def refine_graph(model: LocatorNet) -> ConvGraph:
    """The network that looks at one of them again."""
    return ConvGraph(name="refine", nodes=_nodes(model.refine), height=VIEW_HEIGHT, width=VIEW_WIDTH)


def _nodes(network: ConvNet) -> tuple[Node, ...]:
    state = network.state_dict()
    return tuple(_node(layer, state) for layer in network.layers)


def _node(layer: Layer, state: Mapping[str, Tensor]) -> Node:
    norm = f"{layer.name}.norm" if layer.relu else None
    weight, bias = weight_and_bias(state, f"{layer.name}.conv", norm)
    if layer.source == IMAGE:
        weight = weight * np.float32(SCALE)
    pad = layer.kernel // 2
    conv = Conv(layer.name, weight, bias, padding=(pad, pad), relu=layer.relu, stride=layer.stride)
    return Node(conv, layer.source, layer.add)
