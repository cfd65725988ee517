from __future__ import annotations

from collections.abc import Sequence

from host.kernels.shape import Tile
from host.kernels.tile import default_tile
from host.lower.workload import Workload
from host.tune.runners import AtSize
from host.tune.workload import at_size, cut, distinct, locator_workloads
from tests.conv_graphs import random_graph
from tests.workloads import NEON, conv_shape


def test_equal_layers_are_tuned_once() -> None:
    layers = {"a": conv_shape(), "b": conv_shape(cin=12), "c": conv_shape()}
    found = distinct({name: Workload(s, NEON) for name, s in layers.items()})
    assert list(found) == ["a", "b"]


def test_cutting_keeps_rows_and_halos() -> None:
    fewer = cut(Workload(conv_shape(height=9), NEON), 2)
    assert (fewer.shape.target.height, fewer.shape.source.height) == (2, 2)
    assert cut(Workload(conv_shape(height=2), NEON), 5) == Workload(conv_shape(height=2), NEON)


def test_networks_of_any_size_are_measured_at_one() -> None:
    anything = locator_workloads([random_graph(area=128 * 128)], NEON)
    fixed = locator_workloads([random_graph()], NEON)
    assert list(anything) == list(fixed) == [f"random.{node.name}" for node in random_graph().nodes]
    for name, workload in anything.items():
        assert workload.shape.variables and workload.key != fixed[name].key
        assert at_size(workload, {"h": 2, "w": 4}).key == fixed[name].key
        assert at_size(fixed[name], {}) == fixed[name]


def test_cutting_strides_and_repeated_maps() -> None:
    fixed = locator_workloads([random_graph(height=64)], NEON)
    strided, added = (cut(fixed[f"random.{name}"], 1).shape for name in ("d", "g"))
    assert (strided.source.height, strided.target.height, strided.height) == (2, 1, 1)
    assert (added.source.height, added.target.height, added.height) == (1, 2, 1)
    assert added.added and added.added.height == 2


def test_tiles_are_those_of_any_size() -> None:
    class Recorder:
        name, cpu, unit = "local", "none", "ns"

        def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
            assert not workload.shape.variables
            return [float(rung)] * len(tiles)

    (workload, *_) = locator_workloads([random_graph(area=128 * 128)], NEON).values()
    tile = default_tile(workload.shape, workload.microkernel)
    runner = AtSize(Recorder(), {"h": 2, "w": 4})  # type: ignore[arg-type]
    assert runner.measure(workload, [tile], 2) == [2.0]
