"""What becomes of the network on a target, and where its time goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from tvm import DataType, tirx

from host.kernels.emit import tensors
from host.kernels.microkernel import MicroKernel
from host.kernels.select import microkernel_for
from host.lower.graphs import lower_graphs
from host.lower.module import ConvCall, KernelCall, lower
from host.lower.tuned import Records, describe_tile, read_for
from host.network.conv_graph import ConvGraph, QuantizedGraph
from host.network.graph import Network
from host.network.integer import QuantizedNetwork
from host.network.locator import find_graph, refine_graph
from host.network.simplify import simplify
from host.network.work import Work, published_work, simplified_work
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from host.quantize.graph import quantize_graph
from host.quantize.scenes import scene_samples, view_samples
from host.targets.native import runs_here
from host.targets.profile import Target
from host.tune.cycles import core_of, cycles, vector_cycles
from host.tune.emulated import count_kernels
from host.tune.peak import peak_kernels
from host.tune.timed import LocalRunner
from host.tune.workload import kernel
from lprnet.locator.network import LocatorNet
from lprnet.network.checkpoint import Checkpoint

ROUNDS = 12
CONSTANTS = ("weight", "bias", "multiplier", "scale", "factor")
"""Kernel parameters that are weights or made from weights."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One kernel of the compiled network.

    Attributes:
        name: its symbol.
        workload: of a convolution, its name in tuning records.
        macs: multiply-accumulates, 0 but in convolutions.
        constants: bytes of weights and the like.
        moved: bytes of maps read and written.
        tile: the register tile of a convolution.
        tuned: the tile is from a tuning record.
        cost: what it was measured to take, in the explanation's unit; None if it was not measured.
        peak_share: of a convolution, the share of the core's peak that it reaches, in MACs by cost. MACs are
            direct convolution's with full borders: by Winograd, or where zeros are left out, it may exceed 1.
    """

    name: str
    workload: str = ""
    macs: int = 0
    constants: int
    moved: int
    tile: str = ""
    tuned: bool = False
    cost: float | None
    peak_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A network on a target.

    Attributes:
        measured: what `Kernel.cost` is, in words.
        peaks: the most MACs per unit of cost that this core makes, by microkernel; see `host.tune.peak`.
        peak_share: as `Kernel.peak_share`, of all convolutions together.
    """

    target: str
    microkernel: str
    published: Work
    simplified: Work
    kernels: tuple[Kernel, ...]
    measured: str
    peaks: dict[str, float]
    peak_share: float | None


def explain(checkpoint: Checkpoint, target: Target, precision: str) -> Explanation:
    """Lower *checkpoint* for *target* as `build` does, and measure every kernel where that can be.

    Raises:
        FatalError: a precision without kernels, or measuring fails.
    """
    network = simplify(checkpoint)
    microkernel = microkernel_for(target, precision)
    lowered = lower(_quantized(network, microkernel), microkernel, read_for(target))
    costs, measured = _measure([call.function for call in lowered.kernels], target)
    peaks = _peaks(dict.fromkeys((microkernel, microkernel.fp32)), target)
    macs = {layer.name: network.macs_of(layer) for layer in (*network.convs, network.head)}
    kernels = [
        _kernel(call, macs.get(call.name, 0), cost, peaks)
        for call, cost in zip(lowered.kernels, costs, strict=True)
    ]
    return Explanation(
        target=target.name,
        microkernel=microkernel.name,
        published=published_work(checkpoint),
        simplified=simplified_work(network),
        kernels=tuple(kernels),
        measured=measured,
        peaks=peaks,
        peak_share=_together(kernels),
    )


def explain_locator(model: LocatorNet, target: Target, precision: str) -> Explanation:
    """The same for the networks that find plates, for inputs of the size that kernels are tuned for.

    Raises:
        FatalError: a precision without kernels, or measuring fails.
    """
    graphs = (find_graph(model), refine_graph(model))
    microkernel = microkernel_for(target, precision)
    calls = _of_one_size(graphs, microkernel, read_for(target))
    costs, measured = _measure([call.function for call in calls], target)
    peaks = _peaks([microkernel], target)
    macs = {f"{graph.name}.{node.name}": graph.macs_of(node) for graph in graphs for node in graph.nodes}
    kernels = [
        _kernel(call, macs.get(call.name, 0), cost, peaks) for call, cost in zip(calls, costs, strict=True)
    ]
    work = Work({"convolution": len(macs)}, sum(macs.values()), sum(graph.parameters for graph in graphs))
    return Explanation(
        target=target.name,
        microkernel=microkernel.name,
        published=work,
        simplified=work,
        kernels=tuple(kernels),
        measured=measured,
        peaks=peaks,
        peak_share=_together(kernels),
    )


def _of_one_size(graphs: Sequence[ConvGraph], microkernel: MicroKernel, records: Records) -> list[KernelCall]:
    """The kernels of *graphs* for inputs of one size, with the tiles that they have for any size."""
    networks: list[ConvGraph | QuantizedGraph] = list(graphs)
    if microkernel.int8_sums is not None:
        # The kernels are the same whatever the ranges: a few samples do.
        samples = (scene_samples(1), view_samples(8))
        networks = [
            quantize_graph(graph, images, int8_sums=microkernel.int8_sums)
            for graph, images in zip(graphs, samples, strict=True)
        ]
    fixed = [_without_area(network) for network in networks]
    calls: list[KernelCall] = []
    for compiled, one in zip(
        lower_graphs(networks, microkernel, records).kernels,
        lower_graphs(fixed, microkernel).kernels,
        strict=True,
    ):
        if isinstance(compiled, ConvCall) and isinstance(one, ConvCall):
            symbol = str(one.function.attrs["global_symbol"])
            function = kernel(one.workload, symbol, compiled.tile)
            calls.append(
                ConvCall(one.name, function, workload=one.workload, tile=compiled.tile, tuned=compiled.tuned)
            )
        elif one.name not in ("letterbox", "warp"):
            calls.append(one)
    return calls


def _without_area(network: ConvGraph | QuantizedGraph) -> ConvGraph | QuantizedGraph:
    if isinstance(network, QuantizedGraph):
        return replace(network, graph=replace(network.graph, area=None))
    return replace(network, area=None)


def _quantized(network: Network, microkernel: MicroKernel) -> Network | QuantizedNetwork:
    if not microkernel.quantized:
        return network
    # The kernels are the same whatever the ranges: a few samples do.
    return quantize(network, read_samples(SAMPLES, 16), int8_sums=microkernel.int8_sums)


def _kernel(call: KernelCall, macs: int, cost: float | None, peaks: Mapping[str, float]) -> Kernel:
    sizes = {
        str(parameter.name): prod(shape) * DataType(dtype).bits // 8
        for parameter, (shape, dtype) in zip(call.function.params, tensors(call.function), strict=True)
    }
    constants = sum(size for name, size in sizes.items() if name in CONSTANTS)
    plain = Kernel(
        name=str(call.function.attrs["global_symbol"]),
        constants=constants,
        moved=sum(sizes.values()) - constants,
        cost=cost,
    )
    if not isinstance(call, ConvCall):
        return plain
    return replace(
        plain,
        workload=call.workload.key,
        macs=macs,
        tile=describe_tile(call.tile),
        tuned=call.tuned,
        peak_share=macs / cost / peaks[call.workload.microkernel.name] if cost and peaks else None,
    )


def _together(kernels: Sequence[Kernel]) -> float | None:
    """`Explanation.peak_share`: the time that all convolutions would take at the peak by what they take."""
    known = [(k.cost, k.peak_share) for k in kernels if k.cost is not None and k.peak_share is not None]
    return sum(cost * share for cost, share in known) / sum(cost for cost, _ in known) if known else None


def _measure(kernels: Sequence[tirx.PrimFunc], target: Target) -> tuple[Sequence[float | None], str]:
    """Cost of every kernel, and in words what that is."""
    if runs_here(target):
        runner = LocalRunner(target)
        return runner.times(kernels, ROUNDS), f"µs on one thread of {runner.cpu}"
    if target.emulate_cpu is None:
        return [None] * len(kernels), ""
    counts = count_kernels(kernels, target)
    core = core_of(target)
    if core is None:
        return [float(c.total) for c in counts], f"instructions counted on QEMU's {target.emulate_cpu}"
    return [
        cycles(c, core) for c in counts
    ], f"cycles estimated from instructions counted on {target.llvm.mcpu}"


def _peaks(microkernels: Iterable[MicroKernel], target: Target) -> dict[str, float]:
    """`Explanation.peaks`: measured, or from the emulated core's issue rates; empty if neither can be."""
    candidates = {
        microkernel.name: peak_kernels(microkernel, f"peak{i}_") for i, microkernel in enumerate(microkernels)
    }
    kernels = [peak.kernel for peaks in candidates.values() for peak in peaks]
    core = core_of(target)
    if runs_here(target):
        costs: Sequence[float] = LocalRunner(target).times(kernels, ROUNDS)
    elif target.emulate_cpu is not None and core is not None:
        costs = [vector_cycles(c, core) for c in count_kernels(kernels, target)]
    else:
        return {}
    cost = iter(costs)
    return {name: max(peak.macs / next(cost) for peak in peaks) for name, peaks in candidates.items()}
