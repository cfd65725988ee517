from __future__ import annotations

from dataclasses import replace

import pytest

from host.emulate.count import Counts
from host.tune.cycles import CORES, cycles


def counts(**classes: int) -> Counts:
    return Counts(dict.fromkeys(next(iter(CORES.values())).pipes[0], 0) | {
        "vector_loads": 0, "vector_stores": 0, "loads": 0, "stores": 0, "branches": 0, "integer": 0
    } | classes)  # fmt: skip


def test_multiplies_bound_an_out_of_order_core() -> None:
    base = cycles(counts(fma=1000), CORES["cortex-a72"])
    a76 = cycles(counts(fma=1000), CORES["cortex-a76"])
    assert base - a76 == 500
    # Integers issue beside them, for their small price.
    assert cycles(counts(fma=1000, integer=100), CORES["cortex-a72"]) == pytest.approx(base + 20)


def test_loads_do_not_overlap_in_order() -> None:
    without = cycles(counts(fma=1000), CORES["cortex-a53"])
    loads = replace(counts(fma=1000, vector_loads=100), load_registers=100)
    assert cycles(loads, CORES["cortex-a53"]) >= without + 200
