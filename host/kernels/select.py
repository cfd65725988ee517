"""Which microkernels a target's kernels are generated for."""

from __future__ import annotations

from device_runtime.errors import FatalError
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import BFLOAT16, FLOAT16, FLOAT32, INT8
from host.precision import PRECISIONS
from host.targets.profile import Target

_GENERIC_INT8 = {"x86_64": "plain", "aarch64": "neon", "armv7l": "neon32", "riscv64": "scalar"}


def microkernel_for(target: Target, precision: str) -> MicroKernel:
    """The widest instructions of *precision* that every CPU of *target* has.

    Raises:
        FatalError: a precision that has no kernels.
    """
    known = PRECISIONS.get(precision)
    if known is None or not known.runs_on(target.arch, target.cpu_features):
        raise FatalError(
            f"precision {precision}", f"has no kernels for {target.name}", "use --precision fp32 or int8"
        )
    if precision == "int8":
        return INT8[_GENERIC_INT8[target.arch] if target.isa == "generic" else target.isa]
    if precision == "fp16":
        return FLOAT16["neon"]
    if precision == "bf16":
        return BFLOAT16
    if target.arch == "x86_64":
        features = target.cpu_features
        return FLOAT32["avx512" if "avx512f" in features else "avx2" if "fma" in features else "neon32"]
    return FLOAT32[{"aarch64": "neon", "armv7l": "neon32", "riscv64": "scalar"}[target.arch]]
