"""Every kernel of the other architectures against numpy, on QEMU's emulated CPUs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tvm

from device_runtime.errors import FatalError
from host.compile.executable import compile_functions
from host.compile.link import Linker, linker_for
from host.emulate.root import qemu_command
from host.kernels.int8 import Int8
from host.kernels.microkernel import MicroKernel
from host.kernels.registry import FLOAT16, FLOAT32, INT8
from host.targets.read import load_target
from tests.host.kernels.graph_cases import float_graph_cases, int8_graph_cases
from tests.host.kernels.kernel_cases import CALLER, Array, Case, float_cases, int8_cases

CODES = {"int": 0, "uint": 1, "float": 2}
"""DLPack's type codes."""


def run(cases: Sequence[Case], target_name: str, folder: Path) -> list[list[Array]]:
    """Compile, link and emulate; the tensors after the calls."""
    target = load_target(target_name)
    try:
        linker = linker_for(target)
        qemu = qemu_command(target.arch, str(target.emulate_cpu))
    except FatalError as error:
        pytest.skip(str(error))
    functions = [case.function for case in cases]
    table, program = folder / "kernels.h", folder / "call"
    table.write_text("\n".join(map(row, cases)) + "\n")

    def fcompile(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
        link(linker, Path(output), table, objects)

    fcompile.output_format = "so"  # type: ignore[attr-defined]
    executable = compile_functions(functions, tvm.target.Target(target.tvm_target()))
    executable.export_library(str(program), fcompile=fcompile)
    (folder / "in").write_bytes(b"".join(t.tobytes() for case in cases for t in case.tensors))
    subprocess.run([*qemu, str(program), str(folder / "in"), str(folder / "out")], check=True, timeout=300)
    data, after = (folder / "out").read_bytes(), list[list[Array]]()
    for case in cases:
        after.append([])
        for tensor in case.tensors:
            after[-1].append(np.frombuffer(data[: tensor.nbytes], tensor.dtype).reshape(tensor.shape))
            data = data[tensor.nbytes :]
    assert not data
    return after


def row(case: Case) -> str:
    fields = []
    for tensor in case.tensors:
        match = re.fullmatch(r"([a-z]+)(\d+)", str(tensor.dtype))
        assert match
        kind, bits = match.groups()
        shape = ", ".join(map(str, tensor.shape))
        fields.append(f"TENSOR({CODES[kind]}, {bits}, {tensor.ndim}, {shape})")
    return f"KERNEL({case.function.attrs['global_symbol']}, {' '.join(fields)})"


def link(linker: Linker, output: Path, table: Path, objects: Sequence[str]) -> None:
    # zig has no static glibc; its musl is as good here.
    driver = [re.sub(r"-gnu(\w*)\.[\d.]+$", r"-musl\1", part) for part in linker.command]
    flags = ["-O1", "-static", "-w", f'-DKERNELS="{table}"']
    subprocess.run([*driver, *flags, str(CALLER), *objects, "-o", str(output)], check=True)


emulated = pytest.mark.parametrize(
    "target, microkernel",
    [
        ("rpi4", INT8["neon"]),
        ("rpi5", INT8["neon-dotprod"]),
        ("rpi2", INT8["neon32"]),
        ("visionfive2", INT8["scalar"]),
        ("rpi4", FLOAT32["neon"]),
        ("rpi5", FLOAT16["neon"]),
        ("rpi2", FLOAT32["neon32"]),
        ("visionfive2", FLOAT32["scalar"]),
    ],
    ids=lambda value: getattr(value, "name", value),
)


@pytest.mark.slow
@emulated
def test_kernels_compute_what_numpy_does(target: str, microkernel: MicroKernel, tmp_path: Path) -> None:
    cases = int8_cases(microkernel) if isinstance(microkernel, Int8) else float_cases(microkernel)
    for case, after in zip(cases, run(cases, target, tmp_path), strict=True):
        case.check(after)


@pytest.mark.slow
@emulated
def test_kernels_that_find_plates_do_too(target: str, microkernel: MicroKernel, tmp_path: Path) -> None:
    cases = _of_graphs(microkernel)
    for case, after in zip(cases, run(cases, target, tmp_path), strict=True):
        case.check(after)


def _of_graphs(microkernel: MicroKernel) -> list[Case]:
    return int8_graph_cases(microkernel) if isinstance(microkernel, Int8) else float_graph_cases(microkernel)
