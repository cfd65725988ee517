"""What is tuned: the convolutions of a network, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import tvm
from tvm import tirx

from host.kernels.conv import conv
from host.kernels.microkernel import MicroKernel
from host.kernels.select import microkernel_for
from host.kernels.shape import ConvShape, Tile
from host.kernels.tile import default_tile
from host.kernels.winograd import PAIRS, applicable
from host.lower.memory import conv_shapes
from host.lower.tuned import workload_key
from host.network.graph import Network
from host.targets.profile import Target


@dataclass(frozen=True)
class Workload:
    """A convolution to choose a tile for."""

    shape: ConvShape
    microkernel: MicroKernel

    @cached_property
    def key(self) -> str:
        """Its name in tuning records."""
        return workload_key(self.shape, self.microkernel)

    @property
    def default(self) -> Tile:
        return default_tile(self.shape, self.microkernel)

    def loads(self, tile: Tile) -> int:
        """Loads of a pixel's channels in the innermost loop, before unrolling."""
        if tile.scheme:
            return self.shape.reduction(self.microkernel) // self.microkernel.channels_per_load
        return self.shape.runs(self.microkernel)[1]

    @property
    def schemes(self) -> tuple[int, ...]:
        """What `Tile.scheme` may be."""
        return (0, *PAIRS) if applicable(self.shape, self.microkernel) else (0,)

    @property
    def products_per_load(self) -> int:
        """Multiply-accumulate instructions per accumulator for one load of a pixel's channels."""
        microkernel = self.microkernel.for_source(self.shape.source)
        return (
            microkernel.partial_sums
            * self.shape.channels_per_load(microkernel)
            // (1 if self.shape.source.planar else microkernel.group)
        )

    def kernel(self, symbol: str, tile: Tile) -> tirx.PrimFunc:
        return conv(symbol, self.shape, self.microkernel, tile)

    def cut(self, rows: int) -> Workload:
        """The same for at most *rows* rows of output."""
        shape = self.shape
        fewer = max(0, shape.target.height - rows)
        return Workload(
            replace(
                shape,
                source=replace(shape.source, height=shape.source.height - fewer),
                target=replace(shape.target, height=shape.target.height - fewer),
            ),
            self.microkernel,
        )


def workloads(network: Network, target: Target, precision: str) -> dict[str, Workload]:
    """The distinct workloads of *network* as it is lowered for *target*, by layer name.

    Raises `FatalError` for a precision that has no kernels.
    """
    microkernel = microkernel_for(target, precision)
    return distinct(
        {
            name: Workload(shape, microkernel.fp32 if name == "head" else microkernel)
            for name, shape in conv_shapes(network, microkernel).items()
        }
    )


def distinct(layers: Mapping[str, Workload]) -> dict[str, Workload]:
    """*layers* without those that are equal to an earlier one."""
    found: dict[str, tuple[str, Workload]] = {}
    for name, workload in layers.items():
        found.setdefault(workload.key, (name, workload))
    return dict(found.values())


def compile_functions(kernels: Sequence[tirx.PrimFunc], target: tvm.target.Target) -> tvm.runtime.Executable:
    """*kernels* compiled as a build would compile them, each under its `global_symbol`."""
    module = tvm.IRModule({kernel.attrs["global_symbol"]: kernel for kernel in kernels})
    with tvm.transform.PassContext(opt_level=3, config={"tirx.disable_assert": True}):
        return tvm.compile(module, target=target)


def tensors(function: tirx.PrimFunc) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and dtypes of a kernel's parameters."""
    return [(tuple(int(d) for d in p.ty.shape), str(p.ty.dtype)) for p in function.params]
