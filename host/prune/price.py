"""What a network of given widths costs, before there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from host.kernels.microkernel import MicroKernel
from host.lower.tuned import Records
from host.lower.workload import workloads
from host.network.graph import Conv, Network
from host.prune.channels import Selection
from host.prune.names import OBJECTIVES
from lprnet.network.model import LAYERS


@dataclass(frozen=True, kw_only=True)
class Price:
    """A cost that is a sum over convolutions, `head` among them: products · a + outputs · b.

    Attributes:
        unit: in words.
        products: a by layer; a convolution has inputs · outputs products.
        outputs: b by layer.
        multiples: what inputs and outputs are rounded up to before they are counted.
    """

    unit: str
    products: Mapping[str, float]
    outputs: Mapping[str, float]
    multiples: tuple[int, int] = (1, 1)

    def of(self, selection: Selection, classes: int) -> float:
        """Cost of the network that has the channels of *selection*."""
        total, inputs = 0.0, 3
        for layer in LAYERS:
            total += self._layer(layer.name, inputs, len(selection[layer.name]))
            inputs = len(selection[layer.name].read)
        joined = sum(len(selection[layer.name]) for layer in LAYERS if layer.context)
        return total + self._layer("head", joined, classes)

    def _layer(self, name: str, inputs: int, outputs: int) -> float:
        inputs, outputs = (-(-n // m) * m for n, m in zip((inputs, outputs), self.multiples, strict=True))
        return self.products[name] * inputs * outputs + self.outputs[name] * outputs


def prices(network: Network, microkernel: MicroKernel, records: Records) -> dict[str, Price]:
    """What a budget can be given in, by the names of `OBJECTIVES`."""
    found = macs(network), parameters(network), latency(network, microkernel, records)
    return dict(zip(OBJECTIVES, found, strict=True))


def macs(network: Network) -> Price:
    """Multiply-accumulates per image of networks like *network*, borders as full."""
    products = {c.name: network.macs_of(c) / _products(c) for c in _convs(network)}
    return Price(unit="MACs", products=products, outputs=dict.fromkeys(products, 0.0))


def parameters(network: Network) -> Price:
    """Weights and biases, BatchNorms folded."""
    products = {c.name: c.weight.size / _products(c) for c in _convs(network)}
    return Price(unit="parameters", products=products, outputs=dict.fromkeys(products, 1.0))


def latency(network: Network, microkernel: MicroKernel, records: Records) -> Price:
    """Predicted cost of the convolutions on a target, in the unit of its tuning records.

    A record's cost of a product in the unpruned *network* is taken to hold for fewer channels, filled up
    to the kernels' vectors. A layer without a record costs what a MAC costs in the layers that have one.
    """
    found, layers = workloads(network, microkernel), _convs(network)
    units = {r.unit for r in records.records}
    metric, work = {}, {}
    for conv in layers:
        record = records.of(*found[conv.name].keys)
        work[conv.name] = network.macs_of(conv)
        # Records in other units cannot be added up.
        if record is not None and len(units) == 1:
            metric[conv.name] = record.metric
    usual = sum(metric.values()) / sum(work[n] for n in metric) if metric else 1.0
    cost = {name: metric.get(name, usual * work[name]) for name in work}
    multiples = microkernel.channels_per_load, microkernel.lanes
    nothing = dict.fromkeys(cost, 0.0)
    plain = Price(unit="", products=dict.fromkeys(cost, 1.0), outputs=nothing, multiples=multiples)
    products = {c.name: cost[c.name] / plain._layer(c.name, *_channels(c)) for c in layers}
    unit = (
        f"{units.pop()}, {len(metric)} of {len(work)} convolutions recorded" if metric else "vector products"
    )
    return Price(unit=unit, products=products, outputs=nothing, multiples=multiples)


def _convs(network: Network) -> tuple[Conv, ...]:
    return *network.convs, network.head


def _channels(conv: Conv) -> tuple[int, int]:
    return conv.weight.shape[1], conv.weight.shape[0]


def _products(conv: Conv) -> int:
    inputs, outputs = _channels(conv)
    return inputs * outputs
