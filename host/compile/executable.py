"""Relax module → executable for a target."""

from __future__ import annotations

import tvm
from tvm import relax


def compile_kernels(module: tvm.IRModule, target: tvm.target.Target) -> relax.VMExecutable:
    """Compile a module of `lower`: static memory plan, no fusion (the kernels are fused already)."""
    passes = [
        relax.transform.CanonicalizeBindings(),
        relax.transform.ToNonDataflow(),
        relax.transform.RemovePurityChecking(),
        relax.transform.CallTIRRewrite(),
        relax.transform.StaticPlanBlockMemory(),
        relax.transform.LowerAllocTensor(),
        relax.transform.KillAfterLastUse(),
        relax.transform.LowerRuntimeBuiltin(),
        relax.transform.ComputePrimValue(),
        relax.transform.VMShapeLower(),
        relax.transform.AttachGlobalSymbol(),
    ]
    # Kernels are called with the shapes and types they were generated for.
    with target, tvm.transform.PassContext(opt_level=3, config={"tirx.disable_assert": True}):
        return relax.build(module, target, relax_pipeline=tvm.transform.Sequential(passes))
