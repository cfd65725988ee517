"""Kernels and modules of kernels → executables for a target."""

from __future__ import annotations

from collections.abc import Sequence

import tvm
from tvm import relax, tirx


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
        _SizesInOrder(),
        relax.transform.AttachGlobalSymbol(),
    ]
    with target, pass_context():
        return relax.build(module, target, relax_pipeline=tvm.transform.Sequential(passes))


@tvm.transform.module_pass(opt_level=0)
class _SizesInOrder:
    """Compute symbolic sizes in the order of their places, lest the same module compiles to other bytes.

    TVM's order is that of a hash table of addresses. No size depends on another one but the inputs'.
    """

    def transform_module(self, module: tvm.IRModule, _: tvm.transform.PassContext) -> tvm.IRModule:
        for name, function in module.functions_items():
            if not isinstance(function, tirx.PrimFunc) or not name.name_hint.startswith("shape_func"):
                continue
            if isinstance(function.body, tirx.SeqStmt):
                stores = sorted(function.body.seq, key=lambda store: int(store.indices[0]))
                module.update_func(name, function.with_body(tirx.SeqStmt(stores)))
        return module


def compile_functions(kernels: Sequence[tirx.PrimFunc], target: tvm.target.Target) -> tvm.runtime.Executable:
    """Compile *kernels* as in a module of `lower`, each under its `global_symbol`."""
    module = tvm.IRModule({kernel.attrs["global_symbol"]: kernel for kernel in kernels})
    with pass_context():
        return tvm.compile(module, target=target)


def pass_context() -> tvm.transform.PassContext:
    """The options of TVM's passes under which kernels are compiled, to be built and to be measured."""
    # Kernels are called with the shapes and types they were generated for.
    return tvm.transform.PassContext(opt_level=3, config={"tirx.disable_assert": True})
