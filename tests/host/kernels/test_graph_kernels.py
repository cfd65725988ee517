"""Strides, sizes known at the call and additions of repeated maps against numpy, on this CPU."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.kernels.feature_map import FeatureMap
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from tests.host.kernels.graph_cases import (
    GraphCase,
    float_graph_cases,
    float_graph_conv,
    int8_graph_cases,
    int8_graph_conv,
)
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


@st.composite
def graph_cases(draw: st.DrawFn) -> GraphCase:
    """Convolutions of any channels, strides and sizes."""
    added, channels = draw(st.booleans()), st.integers(1, 70)
    return GraphCase(
        kernel=draw(st.sampled_from((1, 3))),
        channels=(draw(channels), draw(channels)),
        cells=(draw(st.integers(1, 3)), draw(st.integers(4, 9))),
        multiple=draw(st.sampled_from((1, 2, 4))),
        stride=1 if added else draw(st.sampled_from((1, 2))),
        border=draw(st.integers(1, 2)),
        added=added,
        fixed=draw(st.booleans()),
    )


@given(graph_cases())
@settings(max_examples=12, deadline=None)
def test_any_convolution_is_what_numpy_computes(case: GraphCase) -> None:
    cases = [int8_graph_conv("int8", INT8["avx2"], case), float_graph_conv("fp32", FLOAT32["avx2"], case)]
    run_all(cases, {"kind": "llvm", "mcpu": "x86-64-v3"})


def test_a_map_of_few_channels_is_computed_in_narrow_vectors_alone() -> None:
    wide = INT8["avx512vnni"]

    def lanes(stored: int) -> int:
        return wide.for_target(FeatureMap(4, 4, stored, stored=stored, dtype="uint8")).lanes

    assert [lanes(stored) for stored in (8, 16, 24, 32, 40)] == [8, 16, 8, 16, 16]
