"""Runner for boards nobody has at hand: candidates counted on an emulated CPU."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import tvm
from tvm import tirx

from device_runtime.errors import FatalError
from host.compile.executable import compile_functions
from host.compile.link import Linker, linker_for
from host.emulate.count import Counts, count
from host.kernels.emit import tensors
from host.kernels.shape import Tile
from host.lower.tuned import Unit
from host.lower.workload import Workload
from host.targets.profile import Target
from host.tune.cycles import core_of, cycles
from host.tune.workload import cut, kernel

MAIN = Path(__file__).with_name("run_kernels.c")
ROWS = (12, 12, 1 << 16)
"""Rows of output counted, by rung of the search: kernels repeat the same work for every row, four or six."""
_CODES = {"int": 0, "uint": 1, "float": 2, "bfloat": 4}
"""DLPack's type codes."""


class EmulatedRunner:
    """Counts candidates; the metric is estimated cycles where the core's issue rates are known."""

    name = "emulated"

    def __init__(self, target: Target, linker: Linker | None = None) -> None:
        self._target = target
        self._linker = linker or linker_for(target)
        self._core = core_of(target)
        self.cpu = str(target.emulate_cpu)
        self.unit: Unit = "cycles" if self._core else "instructions"

    def measure(self, workload: Workload, tiles: Sequence[Tile], rung: int) -> list[float]:
        """Metric of every tile, scaled to the workload's full height."""
        rows = workload.shape.height
        counted = min(ROWS[rung], rows)
        return [self._metric(c) * rows / counted for c in self.counts(cut(workload, counted), tiles)]

    def _metric(self, counts: Counts) -> float:
        return cycles(counts, self._core) if self._core else float(counts.total)

    def counts(self, workload: Workload, tiles: Sequence[Tile]) -> list[Counts]:
        """What one call of every tile's kernel executes.

        Raises:
            FatalError: a kernel cannot be linked or run.
        """
        kernels = [kernel(workload, f"k{i}", tile) for i, tile in enumerate(tiles)]
        return count_kernels(kernels, self._target, self._linker)


def count_kernels(
    kernels: Sequence[tirx.PrimFunc], target: Target, linker: Linker | None = None
) -> list[Counts]:
    """What one call of every kernel executes on *target*'s emulated CPU, on tensors of zeros.

    Kernels have tensors for parameters and the attribute `global_symbol`. Level-one cache misses are counted
    where the core's cache is known.

    Raises:
        FatalError: one cannot be linked or run.
    """
    linker = linker or linker_for(target)
    core = core_of(target)
    with tempfile.TemporaryDirectory(prefix="tune-") as folder:
        table = Path(folder) / "kernels.h"
        table.write_text("\n".join(map(_row, kernels)) + "\n")
        program = Path(folder) / "run"

        def link(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
            link_program(linker, Path(output), table, objects)

        link.output_format = "so"  # type: ignore[attr-defined]
        executable = compile_functions(kernels, tvm.target.Target(target.tvm_target()))
        executable.export_library(str(program), fcompile=link)
        return [c for _, c in count([program], target, data_cache=core.data_cache if core else None)]


def link_program(linker: Linker, output: Path, table: Path, objects: Sequence[str]) -> None:
    """Link *objects* with `run_kernels.c` into a static executable that calls the kernels in *table*.

    Raises:
        FatalError: the linker fails.
    """
    # zig has no static glibc; its musl is as good here.
    driver = [re.sub(r"-gnu(\w*)\.[\d.]+$", r"-musl\1", part) for part in linker.command]
    command = [*driver, "-O1", "-static", f'-DKERNELS="{table}"', str(MAIN), *objects, "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((s for s in done.stderr.splitlines() if "error" in s), done.stderr[:200])
        raise FatalError(linker.describe(), f"cannot link candidates: {reason}", linker.remedy)


def _row(kernel: tirx.PrimFunc) -> str:
    fields = []
    for shape, dtype in tensors(kernel):
        kind, bits = re.fullmatch(r"([a-z]+)(\d+)", dtype).groups()  # type: ignore[union-attr]
        fields.append(f"TENSOR({_CODES[kind]}, {bits}, {len(shape)}, {', '.join(map(str, shape))})")
    return f"KERNEL({kernel.attrs['global_symbol']}, {' '.join(fields)})"
