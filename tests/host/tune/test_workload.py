from __future__ import annotations

from host.lower.workload import Workload
from host.tune.workload import cut, distinct
from tests.workloads import NEON, conv_shape


def test_equal_layers_are_tuned_once() -> None:
    layers = {"a": conv_shape(), "b": conv_shape(cin=12), "c": conv_shape()}
    found = distinct({name: Workload(s, NEON) for name, s in layers.items()})
    assert list(found) == ["a", "b"]


def test_cutting_keeps_rows_and_halos() -> None:
    fewer = cut(Workload(conv_shape(height=9), NEON), 2)
    assert (fewer.shape.target.height, fewer.shape.source.height) == (2, 2)
    assert cut(Workload(conv_shape(height=2), NEON), 5) == Workload(conv_shape(height=2), NEON)
