from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from host.kernels.shape import Tile
from host.kernels.tile import candidates, default_tile
from host.kernels.winograd import PAIRS
from host.lower.tuned import Unit, describe_tile
from host.lower.workload import Workload
from host.tune.search import Progress, search, unrolled
from host.tune.workload import loads, schemes
from tests.host.kernels.kernel_cases import ConvCase
from tests.workloads import NEON, conv_shape

LINE = ConvCase(kernel=(3, 1), channels=(32, 32), size=(12, 40), pad=(1, 0))
"""What Winograd's schemes are for."""


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
    tiles = candidates(workload.shape, workload.microkernel, 0)
    assert tiles
    assert len(set(tiles)) == len(tiles)
    assert all(t.pixels * t.vectors < microkernel.registers for t in tiles)
    variants = [variant for tile in tiles for variant in unrolled(workload, tile)]
    assert all(loads(workload, v) % v.unroll == 0 for v in variants)


class Prefers:
    """Stands for a machine where one scheme is the fastest."""

    name, cpu = "local", "formula"
    unit: Unit = "ns"

    def __init__(self, scheme: int) -> None:
        self.scheme = scheme

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        return [100 + (t.scheme != self.scheme) - t.pixels / 100 for t in tiles]


@pytest.mark.parametrize("scheme", [0, *PAIRS])
def test_search_finds_the_best_scheme(scheme: int) -> None:
    workload = Workload(LINE.shape(FLOAT32["avx512"], relu=False), FLOAT32["avx512"])
    found = search(workload, Prefers(scheme))
    assert found.tile.scheme == scheme
    assert ("Winograd" in describe_tile(found.tile)) == (scheme > 0)


def test_int8_is_never_searched_for_winograd() -> None:
    microkernel = INT8["avx512vnni"]
    assert schemes(Workload(LINE.shape(microkernel), microkernel)) == (0,)
