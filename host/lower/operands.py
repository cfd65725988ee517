"""What kernels read beside feature maps: a network's numbers, not yet in the order of memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from host.kernels.shape import ConvShape
from host.lower.workload import Workload
from host.network.conv_graph import ConvGraph, QuantizedGraph
from host.network.graph import Conv, FloatArray, Network
from host.network.int8_sums import MAGIC_BITS, rows_as_channels
from host.network.integer import IntegerConv, QuantizedNetwork

Numbers = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class ConvOperands:
    """Constants of a convolution's kernel, by channel of the network.

    Attributes:
        weight: [out, in, kh, kw].
        vectors: [out] each: bias, then what sums are scaled by, as the kernel's parameters are.
        ratio: [out], what an activation of the map that is added counts, if it is not 1.
    """

    weight: Numbers
    vectors: tuple[Numbers, ...]
    ratio: Numbers | None = None


@dataclass(frozen=True, eq=False)
class Operands:
    """Constants of all kernels.

    Attributes:
        convs: by layer name, `head` among them.
        scales: float32[channels], real value of q = 1, of the maps that contexts read; none of float maps.
        factor: float32[channels of all contexts], what contexts are multiplied by, if by anything.
    """

    convs: Mapping[str, ConvOperands]
    scales: Mapping[str, FloatArray]
    factor: FloatArray | None


def operands(network: Network | QuantizedNetwork, workloads: Mapping[str, Workload]) -> Operands:
    """The constants of *network*, whose convolutions are *workloads*."""
    if isinstance(network, QuantizedNetwork):
        return _integer_operands(network, workloads)
    return _float_operands(network, workloads)


def graph_operands(
    network: ConvGraph | QuantizedGraph, workloads: Mapping[str, Workload]
) -> dict[str, ConvOperands]:
    """The constants of the convolutions of *network*, by node."""
    if isinstance(network, QuantizedGraph):
        zero_point = network.int8_sums.zero_point
        return {n: _of_integers(conv, workloads[n].shape, zero_point) for n, conv in network.convs.items()}
    return {node.name: _of_floats(node.conv, workloads[node.name]) for node in network.nodes}


def _float_operands(network: Network, workloads: Mapping[str, Workload]) -> Operands:
    convs = {"head": ConvOperands(network.head.weight, (network.head.bias,))}
    for layer in network.convs:
        convs[layer.name] = _of_floats(layer, workloads[layer.name])
    return Operands(convs, {}, None)


def _integer_operands(network: QuantizedNetwork, workloads: Mapping[str, Workload]) -> Operands:
    head = network.head
    convs = {"head": ConvOperands(head.weight, (head.bias / head.scale, head.scale))}
    for name, conv in network.convs.items():
        convs[name] = _of_integers(conv, workloads[name].shape, network.int8_sums.zero_point)
    return Operands(convs, network.activation_scales, head.factor)


def _of_integers(conv: IntegerConv, shape: ConvShape, zero_point: int) -> ConvOperands:
    weight = rows_as_channels(conv.weight) if shape.source.pitch is not None else conv.weight
    # Activations are stored as q + z, z being the zero point, borders too:
    # Σ w·q = Σ w·(q + z) − z · Σ w.
    bias = conv.bias - zero_point * weight.sum((1, 2, 3), dtype=np.int32)
    if conv.addend is None:
        return ConvOperands(weight, (bias, conv.multiplier), conv.ratio)
    return ConvOperands(weight, (bias + np.int32(MAGIC_BITS), conv.multiplier, conv.addend), conv.ratio)


def _of_floats(conv: Conv, workload: Workload) -> ConvOperands:
    microkernel = workload.microkernel
    weight = microkernel.for_source(workload.shape.source).encode(conv.weight)
    return ConvOperands(weight, (conv.bias.astype(microkernel.accumulator),))
