from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tvm

from host.kernels.emit import tensors
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT32, INT8
from host.tune.peak import peak_kernels


@pytest.mark.parametrize("microkernel", [FLOAT32["avx2"], INT8["avx2"]], ids=lambda f: f.name)
def test_the_loop_makes_the_products_that_it_says(microkernel: MicroKernel) -> None:
    if "avx2" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this CPU has no avx2")
    peaks = peak_kernels(microkernel, "peak")
    functions = {peak.kernel.attrs["global_symbol"]: peak.kernel for peak in peaks}
    target = tvm.target.Target({"kind": "llvm", "mcpu": "x86-64-v3"})
    module = tvm.compile(tvm.IRModule(functions), target=target).jit()
    for symbol, peak in zip(functions, peaks, strict=True):
        source, weight, bias, out = tensors(peak.kernel)
        ones = [tvm.runtime.tensor(np.ones(shape, dtype)) for shape, dtype in (source, weight)]
        zeros = [tvm.runtime.tensor(np.zeros(shape, dtype)) for shape, dtype in (bias, out)]
        module[symbol](*ones, *zeros)
        # A product of ones is one.
        assert zeros[-1].numpy().sum(dtype=np.float64) == peak.macs
