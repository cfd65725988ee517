"""Every int8 kernel against numpy, on this CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm

from host.kernels.registry import INT8, INT8_WEIGHTS
from host.network.int8_sums import INT16_MAX, Int8Sums
from tests.host.kernels.kernel_cases import Case, float_cases, int8_cases

FLAGS = set(Path("/proc/cpuinfo").read_text().split())
# MicroKernel → what it is compiled for, and what the CPU must have.
X86 = {
    "avx512vnni": ({"mcpu": "x86-64-v4", "mattr": ["+avx512vnni", "-prefer-256-bit"]}, "avx512_vnni"),
    "avxvnni": ({"mcpu": "x86-64-v3", "mattr": ["+avxvnni"]}, "avx_vnni"),
    "avx2": ({"mcpu": "x86-64-v3"}, "avx2"),
    "plain": ({"mcpu": "x86-64-v2"}, "sse4_2"),
    "scalar": ({"mcpu": "x86-64-v2"}, "sse4_2"),
}


def call(cases: list[Case], target: dict) -> None:
    functions = {case.function.attrs["global_symbol"]: case.function for case in cases}
    module = tvm.compile(tvm.IRModule(functions), target=tvm.target.Target({"kind": "llvm", **target})).jit()
    for symbol, case in zip(functions, cases, strict=True):
        tensors = [tvm.runtime.tensor(a) for a in case.tensors]
        module[symbol](*tensors)
        case.check([t.numpy() for t in tensors])


@pytest.mark.parametrize("name", X86)
def test_kernels_compute_what_numpy_does(name) -> None:
    target, feature = X86[name]
    if feature not in FLAGS:
        pytest.skip(f"this CPU has no {feature}")
    call(int8_cases(INT8[name]), target)


@pytest.mark.parametrize("name", ["avx2", "neon32", "scalar"])
def test_int8_weights_in_float_products(name) -> None:
    if "avx2" not in FLAGS:
        pytest.skip("this CPU has no avx2")
    call(float_cases(INT8_WEIGHTS[name]), {"mcpu": "x86-64-v3"})


def test_largest_sum_is_the_largest_that_activations_can_make() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (3, 11, 2, 1), np.int8)
    runs = Int8Sums(products=4, stride=4, run=2)
    for int8_sums in (
        Int8Sums(products=2),
        Int8Sums(zero_point=-128, products=4, stride=2),
        Int8Sums(zero_point=-128, products=3),
        runs,
    ):
        low, high = int8_sums.zero_point, 255 + int8_sums.zero_point
        padded = np.zeros((3, 24, 2), np.int64)
        padded[:, :11] = weight[..., 0]
        largest = np.zeros(3)
        run, stride = int8_sums.run, int8_sums.stride
        block = int8_sums.products // run * stride
        for start in range(0, 24 // block * block, block):
            for first in range(start, start + stride, run):
                channels = [c + i for c in range(first, start + block, stride) for i in range(run)]
                chosen = padded[:, channels]
                top = np.maximum(chosen * low, chosen * high).sum(1).max(1)
                bottom = np.minimum(chosen * low, chosen * high).sum(1).min(1)
                largest = np.maximum(largest, np.maximum(top, -bottom))
        np.testing.assert_array_equal(int8_sums.largest_sum(weight), largest)


@pytest.mark.parametrize("microkernel", INT8.values(), ids=lambda f: f.name)
def test_full_weights_would_not_fit_where_products_are_summed_in_16_bits(microkernel) -> None:
    int8_sums = microkernel.int8_sums
    full = np.full((1, microkernel.group, 1, 1), 127, np.int8)
    assert (int8_sums.largest_sum(full)[0] > INT16_MAX) == (int8_sums.products > 1)
    assert microkernel.activation == ("int8" if int8_sums.zero_point else "uint8")
