"""Float microkernels that a quantized network uses, on this CPU."""

from __future__ import annotations

import pytest

from host.kernels.registry import BFLOAT16, FLOAT16, FLOAT32, INT8, INT8_WEIGHTS
from tests.host.kernels.kernel_cases import CPU_FLAGS, float_cases, run_all


@pytest.mark.parametrize("name", ["avx2", "neon32", "scalar"])
def test_int8_weights_in_float_products(name: str) -> None:
    if "avx2" not in CPU_FLAGS:
        pytest.skip("this CPU has no avx2")
    run_all(float_cases(INT8_WEIGHTS[name]), {"kind": "llvm", "mcpu": "x86-64-v3"})


def test_every_microkernel_has_one_of_fp32_for_contexts_and_head() -> None:
    for microkernel in (*FLOAT32.values(), *FLOAT16.values(), BFLOAT16):
        assert microkernel.fp32 in FLOAT32.values()
        assert not microkernel.quantized
    for microkernel in INT8.values():
        assert microkernel.fp32 in INT8_WEIGHTS.values()
        assert microkernel.quantized
