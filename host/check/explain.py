"""What becomes of the network on a target, and where its time goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import tvm
from tvm import DataType, tirx

from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.select import microkernel_for
from host.kernels.shape import ConvShape, Tile
from host.lower.module import lower, symbol_of
from host.lower.tuned import describe_tile, read_for, tile_choice, workload_key
from host.network.graph import Network
from host.network.integer import QuantizedNetwork
from host.network.simplify import simplify
from host.network.work import Work, published_work, simplified_work
from host.paths import SAMPLES
from host.quantize import quantize
from host.quantize.calibration import read_samples
from host.targets.native import runs_here
from host.targets.profile import Target
from host.tune.cycles import core_of, cycles, vector_cycles
from host.tune.emulated import count_kernels
from host.tune.peak import peak_kernels
from host.tune.timed import LocalRunner
from host.tune.workload import tensors
from lprnet.network.checkpoint import Checkpoint

ROUNDS = 12
CONSTANTS = ("weight", "bias", "multiplier", "scale", "factor")
"""Kernel parameters that are weights or made from weights."""


@dataclass(frozen=True)
class Step:
    """One kernel of the compiled network.

    Attributes:
        macs: multiply-accumulates, 0 but in convolutions.
        constants, moved: bytes of weights and the like; bytes of maps read and written.
        tile: the register tile, of convolutions, and whether it is from a tuning record.
        cost: what it was measured to take, in the explanation's unit; None if it was not measured.
        peak_share: of a convolution, the share of the core's peak that it reaches, in MACs by cost. MACs are
            direct convolution's with full borders: by Winograd, or where zeros are left out, it may exceed 1.
    """

    name: str
    operation: str
    macs: int
    constants: int
    moved: int
    tile: str
    tuned: bool
    cost: float | None
    peak_share: float | None


@dataclass(frozen=True)
class Explanation:
    """A network on a target.

    Attributes:
        measured: what `Step.cost` is.
        peaks: the most MACs per unit of cost that this core makes, by microkernel; see `host.tune.peak`.
        peak_share: as `Step.peak_share`, of all convolutions together.
    """

    target: str
    microkernel: str
    published: Work
    simplified: Work
    steps: tuple[Step, ...]
    measured: str
    peaks: dict[str, float]
    peak_share: float | None


def explain(checkpoint: Checkpoint, target: Target, precision: str) -> Explanation:
    """Lower *checkpoint* for *target* as `build` does, and measure every kernel where that can be.

    Raises `FatalError` for a precision without kernels, or when measuring fails.
    """
    network = simplify(checkpoint)
    microkernel = microkernel_for(target, precision)
    choice = tile_choice(read_for(target))
    convolutions: dict[str, _Convolution] = {}

    def choose(name: str, shape: ConvShape, microkernel: MicroKernel) -> Tile:
        tile = choice(name, shape, microkernel)
        layer = next(layer for layer in (*network.convs, network.head) if layer.name == name)
        convolutions[symbol_of(name)] = _Convolution(
            microkernel.name,
            workload_key(shape, microkernel),
            network.macs_of(layer),
            tile,
            name in choice.tuned,
        )
        return tile

    kernels = _kernels(lower(_quantized(network, microkernel), microkernel, choose))
    costs, measured = _measure(kernels, target)
    peaks = _peaks(dict.fromkeys((microkernel, microkernel.fp32)), target)
    steps = [_step(k, convolutions.get(_name(k)), c, peaks) for k, c in zip(kernels, costs, strict=True)]
    published, simplified = published_work(checkpoint), simplified_work(network)
    share = _together(steps)
    return Explanation(
        target.name, microkernel.name, published, simplified, tuple(steps), measured, peaks, share
    )


@dataclass(frozen=True)
class _Convolution:
    microkernel: str
    workload: str
    macs: int
    tile: Tile
    tuned: bool


def _quantized(network: Network, microkernel: MicroKernel) -> Network | QuantizedNetwork:
    if not isinstance(microkernel, Int8):
        return network
    # The kernels are the same whatever the ranges: a few samples do.
    return quantize(network, read_samples(SAMPLES, 16), int8_sums=microkernel.int8_sums)


def _kernels(module: tvm.IRModule) -> list[tirx.PrimFunc]:
    """The module's kernels in the order `main` calls them."""
    called = []
    for block in module["main"].body.blocks:
        for binding in block.bindings:
            callee = getattr(binding.value, "args", [None])[0]
            if isinstance(callee, tvm.ir.GlobalVar):
                called.append(module[callee])
    return called


def _name(kernel: tirx.PrimFunc) -> str:
    return str(kernel.attrs["global_symbol"])


def _step(
    kernel: tirx.PrimFunc, convolution: _Convolution | None, cost: float | None, peaks: Mapping[str, float]
) -> Step:
    sizes = {
        str(parameter.name): prod(shape) * DataType(dtype).bits // 8
        for parameter, (shape, dtype) in zip(kernel.params, tensors(kernel), strict=True)
    }
    constants = sum(size for name, size in sizes.items() if name in CONSTANTS)
    moved = sum(sizes.values()) - constants
    if convolution is None:
        return Step(_name(kernel), "", 0, constants, moved, "", False, cost, None)
    c = convolution
    share = c.macs / cost / peaks[c.microkernel] if cost and peaks else None
    tile = describe_tile(c.tile)
    return Step(_name(kernel), c.workload, c.macs, constants, moved, tile, c.tuned, cost, share)


def _together(steps: Sequence[Step]) -> float | None:
    """`Explanation.peak_share`: the time that all convolutions would take at the peak by what they take."""
    known = [(s.cost, s.peak_share) for s in steps if s.cost is not None and s.peak_share is not None]
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


def _peaks(families: Iterable[MicroKernel], target: Target) -> dict[str, float]:
    """`Explanation.peaks`: measured, or from the emulated core's issue rates; empty if neither can be."""
    candidates = {
        microkernel.name: peak_kernels(microkernel, f"peak{i}_") for i, microkernel in enumerate(families)
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
