"""Every int8 kernel against numpy, on this CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from host.kernels.int8 import Int8
from host.kernels.registry import INT8
from host.network.int8_sums import INT16_MAX
from tests.host.kernels.kernel_cases import CPU_FLAGS, int8_cases, run_all

X86: dict[str, tuple[dict[str, Any], str]] = {
    "avx512vnni": ({"mcpu": "x86-64-v4", "mattr": ["+avx512vnni", "-prefer-256-bit"]}, "avx512_vnni"),
    "avxvnni": ({"mcpu": "x86-64-v3", "mattr": ["+avxvnni"]}, "avx_vnni"),
    "avx2": ({"mcpu": "x86-64-v3"}, "avx2"),
    "plain": ({"mcpu": "x86-64-v2"}, "sse4_2"),
    "scalar": ({"mcpu": "x86-64-v2"}, "sse4_2"),
}
"""What each microkernel is compiled for, and what the CPU must have."""


@pytest.mark.parametrize("name", X86)
def test_kernels_compute_what_numpy_does(name: str) -> None:
    target, feature = X86[name]
    if feature not in CPU_FLAGS:
        pytest.skip(f"this CPU has no {feature}")
    run_all(int8_cases(INT8[name]), {"kind": "llvm", **target})


@pytest.mark.parametrize("microkernel", INT8.values(), ids=lambda m: m.name)
def test_full_weights_would_not_fit_where_products_are_summed_in_16_bits(microkernel: Int8) -> None:
    int8_sums = microkernel.int8_sums
    full = np.full((1, microkernel.group, 1, 1), 127, np.int8)
    assert (int8_sums.largest_sum(full)[0] > INT16_MAX) == (int8_sums.products > 1)
    assert microkernel.activation == ("int8" if int8_sums.zero_point else "uint8")


@pytest.mark.parametrize("microkernel", INT8.values(), ids=lambda m: m.name)
def test_channels_of_fused_sums_are_only_reordered(microkernel: Int8) -> None:
    stored = 7 * microkernel.block
    for vectors in (1, 3, 4, 6):
        order = microkernel.channel_order(stored, vectors, fused=True)
        assert sorted(order) == list(range(stored))
        assert list(microkernel.channel_order(stored, vectors, fused=False)) == list(range(stored))
