"""What is tuned: the convolutions of a network, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tvm import tirx

from host.kernels.conv import conv
from host.kernels.emit import Expr
from host.kernels.extent import multiple_of, variable, variable_of
from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.kernels.shape import Tile
from host.kernels.winograd import PAIRS, applicable
from host.lower.memory import graph_maps
from host.lower.workload import Workload, graph_workloads
from host.network.conv_graph import ConvGraph

HEIGHT, WIDTH = "h", "w"
"""Of inputs of any size, in cells of the network's grid: variables as `lower_graphs` calls them."""


def distinct(workloads: Mapping[str, Workload]) -> dict[str, Workload]:
    """*workloads*, by layer name, without those that are equal to an earlier one."""
    found: dict[str, tuple[str, Workload]] = {}
    for name, workload in workloads.items():
        found.setdefault(workload.key, (name, workload))
    return dict(found.values())


def cut(workload: Workload, rows: int) -> Workload:
    """The same for at most *rows* rows of output."""
    shape = workload.shape
    fewer = max(0, shape.height - rows)
    written = 2 * fewer if shape.added else fewer
    shape = replace(
        shape,
        source=replace(shape.source, height=shape.source.height - fewer * shape.stride),
        target=replace(shape.target, height=shape.target.height - written),
        added=replace(shape.added, height=shape.added.height - written) if shape.added else None,
    )
    return replace(workload, shape=shape)


def locator_workloads(graphs: Iterable[ConvGraph], microkernel: MicroKernel) -> dict[str, Workload]:
    """The workload of every convolution of the locator's networks, by `network.node`, as compiled."""
    found = {}
    for graph in graphs:
        cells: list[Expr] = [graph.height // graph.grid, graph.width // graph.grid]
        if graph.area is not None:
            cells = [variable(HEIGHT), variable(WIDTH)]
        maps = graph_maps(graph, microkernel, *cells)
        for name, workload in graph_workloads(graph, microkernel, maps).items():
            found[f"{graph.name}.{name}"] = workload
    return found


def at_size(workload: Workload, cells: Mapping[str, int]) -> Workload:
    """The same for maps of one size, as it can be measured.

    Args:
        cells: value of the variables that heights and widths are multiples of, by name.
    """

    def fixed(extent: Expr) -> int:
        of = variable_of(extent)
        return multiple_of(extent) * (1 if of is None else cells[of.name])

    def sized(layout: FeatureMap) -> FeatureMap:
        return replace(layout, height=fixed(layout.height), width=fixed(layout.width))

    shape = workload.shape
    added = sized(shape.added) if shape.added else None
    return replace(
        workload, shape=replace(shape, source=sized(shape.source), target=sized(shape.target), added=added)
    )


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
