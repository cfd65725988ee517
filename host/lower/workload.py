"""What convolution kernels are generated from: the workloads of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

from host.kernels.emit import Expr
from host.kernels.extent import multiple_of, variable_of
from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import ConvShape
from host.lower.memory import feature_maps, round_up
from host.network.conv_graph import ConvGraph, QuantizedGraph
from host.network.graph import Conv, Network
from host.network.int8_sums import INT16_MAX
from host.network.integer import QuantizedNetwork


@dataclass(frozen=True)
class Workload:
    """A convolution: all that decides its kernel's code but the tile."""

    shape: ConvShape
    microkernel: MicroKernel

    @cached_property
    def key(self) -> str:
        """Its name in tuning records: all of it but whether narrowing saturates, which no tile depends on.

        E.g. `int8-avx2 3x1 20x90x32 pad 1,0 uint8 -> 20x90x32 pad 0,1 uint8 relu fused`; channels are
        followed by the number stored, in brackets, where that is more.
        """
        shape, (kh, kw) = self.shape, self.shape.kernel
        how = " relu" if shape.relu else ""
        how += " fused" if shape.fused else ""
        how += f" stride {shape.stride}" if shape.stride > 1 else ""
        how += f" padding {shape.pad[0]},{shape.pad[1]}" if shape.pad != shape.source.pad else ""
        how += f" added {_layout(shape.added)}" if shape.added else ""
        return f"{self.microkernel.name} {kh}x{kw} {_layout(shape.source)} -> {_layout(shape.target)}{how}"

    @cached_property
    def keys(self) -> tuple[str, str]:
        """`key`, and that of the same convolution with the other rounding of sums.

        Which one it is hangs on the weights, and what is the best tile hardly on it.
        """
        other = replace(self.shape, fused=not self.shape.fused)
        return self.key, Workload(other, self.microkernel).key


def workloads(network: Network | QuantizedNetwork, microkernel: MicroKernel) -> dict[str, Workload]:
    """The workload of every convolution, by layer name, in order; the head computes in `microkernel.fp32`.

    Quantized weights decide how sums are rounded. Of a `Network` that integer kernels are asked for, which is
    what the tuner and prices know, it is guessed.
    """
    graph = network.network if isinstance(network, QuantizedNetwork) else network
    found = {}
    for name, shape in _backbone(graph, microkernel).items():
        if isinstance(network, QuantizedNetwork):
            conv = network.convs[name]
            exact = microkernel if conv.largest < INT16_MAX else microkernel.saturating()
            found[name] = Workload(replace(shape, fused=conv.addend is not None), exact)
        else:
            found[name] = Workload(replace(shape, fused=_likely_fused(shape, microkernel)), microkernel)
    found["head"] = Workload(_head(graph, microkernel), microkernel.fp32)
    return found


def graph_workloads(
    network: ConvGraph | QuantizedGraph, microkernel: MicroKernel, maps: Mapping[str, FeatureMap]
) -> dict[str, Workload]:
    """The workload of every node of a `ConvGraph`, in order; the same is guessed as by `workloads`.

    Args:
        maps: from `graph_maps`.
    """
    graph = network.graph if isinstance(network, QuantizedGraph) else network
    found = {}
    for node in graph.nodes:
        source = maps[node.source]
        kh, kw = node.conv.weight.shape[2:]
        shape = ConvShape(
            kernel=(kh, 1) if source.pitch is not None else (kh, kw),
            source=source,
            target=maps[node.name],
            relu=node.conv.relu,
            stride=node.conv.stride,
            padding=node.conv.padding,
            added=maps[node.add] if node.add else None,
        )
        exact = microkernel.for_target(shape.target)
        if isinstance(network, QuantizedGraph):
            conv = network.convs[node.name]
            shape = replace(shape, fused=conv.addend is not None)
            if conv.ratio is not None or conv.largest >= INT16_MAX:
                exact = exact.saturating()
        else:
            shape = replace(shape, fused=not node.add and _likely_fused(shape, microkernel))
        found[node.name] = Workload(shape, exact)
    return found


def _backbone(network: Network, microkernel: MicroKernel) -> dict[str, ConvShape]:
    maps = feature_maps(network, microkernel)
    shapes = {}
    source = maps["input"]
    for layer in network.layers:
        if isinstance(layer, Conv):
            kernel = layer.weight.shape[2:]
            if source.pitch is not None:
                kernel = (kernel[0], 1)  # as `rows_as_channels` has it
            shapes[layer.name] = ConvShape(
                kernel=kernel, source=source, target=maps[layer.name], relu=layer.relu
            )
        source = maps[layer.name]
    return shapes


def _head(network: Network, microkernel: MicroKernel) -> ConvShape:
    maps = feature_maps(network, microkernel)
    joined = sum(maps[c.source].stored for c in network.contexts)
    stored = round_up(network.classes, microkernel.fp32.block)
    return ConvShape(
        kernel=(1, 1),
        source=FeatureMap(1, network.steps, joined, stored=joined, dtype="float32"),
        target=FeatureMap(1, network.steps, network.classes, stored=stored, dtype="float32"),
        relu=False,
    )


def _likely_fused(shape: ConvShape, microkernel: MicroKernel) -> bool:
    """Whether quantized weights will allow it: sums of so few products nearly always do."""
    sums = microkernel.int8_sums
    if sums is None or not sums.fused or shape.target.dtype == "float32":
        return False
    return shape.reduction(microkernel) * shape.kernel[0] * shape.kernel[1] <= 512


def _layout(feature_map: FeatureMap) -> str:
    """Every attribute of a feature map but those at their defaults."""
    m = feature_map
    text = f"{_extent(m.height)}x{_extent(m.width)}x{m.channels}"
    if m.stored != m.channels:
        text += f"({m.stored})"
    for field in fields(m):
        value = getattr(m, field.name)
        if field.name not in ("height", "width", "channels", "stored", "dtype") and value != field.default:
            words = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            text += f" {field.name}" if value is True else f" {field.name} {words}"
    return f"{text} {m.dtype}"


def _extent(extent: Expr) -> str:
    """A number, or e.g. `8h`."""
    return str(extent) if isinstance(extent, int) else f"{multiple_of(extent)}{variable_of(extent)}"
