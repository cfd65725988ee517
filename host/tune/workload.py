"""What is tuned: the convolutions of a network, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tvm import tirx

from host.kernels.conv import conv
from host.kernels.shape import Tile
from host.kernels.winograd import PAIRS, applicable
from host.lower.workload import Workload


def distinct(workloads: Mapping[str, Workload]) -> dict[str, Workload]:
    """*workloads*, by layer name, without those that are equal to an earlier one."""
    found: dict[str, tuple[str, Workload]] = {}
    for name, workload in workloads.items():
        found.setdefault(workload.key, (name, workload))
    return dict(found.values())


def cut(workload: Workload, rows: int) -> Workload:
    """The same for at most *rows* rows of output."""
    shape = workload.shape
    fewer = max(0, shape.target.height - rows)
    source = replace(shape.source, height=shape.source.height - fewer)
    target = replace(shape.target, height=shape.target.height - fewer)
    return replace(workload, shape=replace(shape, source=source, target=target))


def kernel(workload: Workload, symbol: str, tile: Tile) -> tirx.PrimFunc:
    """The kernel of *workload* with *tile*."""
    return conv(symbol, workload.shape, workload.microkernel, tile)


def schemes(workload: Workload) -> tuple[int, ...]:
    """What `Tile.scheme` may be."""
    return (0, *PAIRS) if applicable(workload.shape, workload.microkernel) else (0,)


def loads(workload: Workload, tile: Tile) -> int:
    """Loads of a pixel's channels in the innermost loop, before unrolling."""
    if tile.scheme:
        return workload.shape.reduction(workload.microkernel) // workload.microkernel.channels_per_load
    return workload.shape.runs(workload.microkernel).loads


def products(workload: Workload, tile: Tile) -> int:
    """Multiply-accumulate instructions of a tile for one load of its pixels' channels."""
    shape, microkernel = workload.shape, workload.microkernel.for_source(workload.shape.source)
    group = 1 if shape.source.planar else microkernel.group
    return (
        tile.pixels * tile.vectors * microkernel.partial_sums * shape.channels_per_load(microkernel) // group
    )
