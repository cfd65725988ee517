"""Keeping a runtime to AVX2 on a CPU that has more."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from device_runtime.board.cpu import detect
from device_runtime.errors import FatalError
from host.bench.runtimes import Runtime
from host.cache import cached

ISAS = ("native", "avx2")
SOURCE = Path(__file__).parent / "cpuid_mask.c"
MASK = "cpuid_mask.so"


def mask_library(cache: Path) -> Path | None:
    """A library that hides from its process what is newer than AVX2, or None where that cannot work.

    It holds for every runtime alike: ONNX Runtime, XNNPACK and ncnn have no switch of their own. It needs
    a C compiler, Linux on x86-64 and CPUID faulting (Intel since Ivy Bridge, AMD since Zen 4).

    Raises:
        FatalError: there is CPUID faulting, but no compiler for the library.
    """
    cpu = detect()
    if cpu.arch != "x86_64" or "cpuid_fault" not in cpu.features:
        return None
    folder = cache / f"cpuid-mask-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

    def compile_library(folder: Path) -> None:
        if compiler is None:
            raise FatalError("--isa avx2", "needs a C compiler", "sudo apt install gcc libc6-dev")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(folder / MASK), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = f"{SOURCE.name} does not compile: {' '.join(done.stderr.split())[:200]}"
            raise FatalError("--isa avx2", why, "sudo apt install gcc libc6-dev")

    return cached(folder, compile_library) / MASK


def environment(runtime: Runtime, isa: str, masked: bool) -> dict[str, str] | None:
    """Variables that keep *runtime* to *isa*, or None where nothing can."""
    if isa == "native" or masked:
        return {}
    return runtime.avx2 or None


def beyond_avx2(feature: str) -> bool:
    """Whether a CPU feature, as /proc/cpuinfo names it, is an arithmetic newer than AVX2."""
    return feature.startswith(("avx512", "avx_", "avx10", "amx"))
