from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32
from host.kernels.shape import Tile
from host.kernels.tile import default_tile
from host.lower.tuned import Unit
from host.lower.workload import Workload
from host.tune.search import Progress, register_tiles, search, unrolled
from host.tune.workload import loads
from tests.workloads import NEON, conv_shape


class Formula:
    """Stands for a machine whose best tile is known; deterministic."""

    name, cpu = "local", "formula"
    unit: Unit = "ns"

    def __init__(self, best: Tile) -> None:
        self.best, self.measured = best, list[Tile]()

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        self.measured += tiles
        b = self.best
        return [
            100 + abs(t.pixels - b.pixels) + 2 * abs(t.vectors - b.vectors)
            + (t.unroll != b.unroll) + (t.pixels_inner != b.pixels_inner)
            for t in tiles
        ]  # fmt: skip


def test_finds_the_best_tile() -> None:
    workload, seen = Workload(conv_shape(), NEON), list[Progress]()
    runner = Formula(Tile(4, 4, unroll=2, pixels_inner=False))
    found = search(workload, runner, trials=64, progress=seen.append)
    assert (found.tile, found.metric, found.unit, found.runner) == (runner.best, 100, "ns", "local")
    default = default_tile(workload.shape, workload.microkernel)
    assert found.default == runner.measure(workload, [default], 0)[0]
    assert seen[-1].best == runner.best
    assert [p.trials for p in seen] == sorted(p.trials for p in seen)


def test_stops_at_its_deadline_with_what_it_has() -> None:
    workload, runner = Workload(conv_shape(), NEON), Formula(Tile(4, 4, unroll=2))
    found = search(workload, runner, trials=400, deadline=time.monotonic())
    assert found.metric <= found.default
    assert len(set(runner.measured)) < 60


@pytest.mark.parametrize("microkernel", FLOAT32.values(), ids=lambda f: f.name)
def test_tiles_fit_the_registers(microkernel: MicroKernel) -> None:
    workload = Workload(conv_shape(cin=microkernel.block, cout=microkernel.block * 3), microkernel)
    tiles = register_tiles(workload, 1000)
    assert tiles
    assert len(set(tiles)) == len(tiles)
    assert all(t.pixels * t.vectors < microkernel.registers for t in tiles)
    variants = [variant for tile in tiles for variant in unrolled(workload, tile)]
    assert all(loads(workload, v) % v.unroll == 0 for v in variants)
