"""TVM's own schedules, run by TVM's own virtual machine; a runtime for `host.bench`."""

from __future__ import annotations

from pathlib import Path

from host.bench.runtimes.infer import Float, Infer

FILE = "model.so"


def load(folder: Path, precision: str, threads: int) -> Infer:
    import tvm
    from tvm import relax

    if threads != 1:
        raise RuntimeError("runs on one thread here")
    tvm.get_global_func("runtime.config_threadpool")(1, threads)
    machine = relax.VirtualMachine(tvm.runtime.load_module(str(folder / FILE)), tvm.cpu())
    main = machine["main"]

    def run(tensor: Float) -> Float:
        logits: Float = main(tvm.runtime.tensor(tensor)).numpy()
        return logits

    return run
