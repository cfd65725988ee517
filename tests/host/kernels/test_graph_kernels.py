"""Strides, sizes known at the call and additions of repeated maps against numpy, on this CPU."""

from __future__ import annotations

import pytest

from host.kernels.microkernel import MicroKernel
from host.kernels.registry import INT8
from tests.host.kernels.graph_cases import float_graph_cases, int8_graph_cases
from tests.host.kernels.kernel_cases import CPU_FLAGS, RUN_HERE, run_all
from tests.host.kernels.test_int8 import X86


@pytest.mark.parametrize("name", X86)
def test_integers_are_what_numpy_computes(name: str) -> None:
    target, feature = X86[name]
    if feature not in CPU_FLAGS:
        pytest.skip(f"this CPU has no {feature}")
    run_all(int8_graph_cases(INT8[name]), {"kind": "llvm", **target})


@pytest.mark.parametrize("microkernel", RUN_HERE, ids=lambda m: m.name)
def test_floats_are_what_numpy_computes(microkernel: MicroKernel) -> None:
    run_all(float_graph_cases(microkernel), "llvm")
