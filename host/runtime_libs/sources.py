"""Runtime libraries built from the C++ sources in the wheels, for architectures that have no wheels.

apache-tvm's wheel has the runtime's sources without some headers they include; `headers/` has replacements.
Only what loads and runs a Relax VM module is built: no RPC, no GPUs, no key-value caches.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from host.cache import cached
from host.compile.link import ZIG_REQUIREMENT, Linker, apt_package, distribution_linker, zig_linker
from host.runtime_libs.libraries import TVM_FFI, TVM_RUNTIME, RuntimeLibs, versions
from host.runtime_libs.wheels import package_directory
from host.targets.profile import Target
from lprnet.console import track

LOG = logging.getLogger(__name__)

HEADERS = Path(__file__).resolve().parent / "headers"

FFI_SOURCES = (
    *("function", "error", "object", "dtype", "tensor", "container", "init_once", "custom_allocator"),
    *("backtrace", "extra/module", "extra/library_module", "extra/library_module_dynamic_lib"),
    *("extra/library_module_system_lib", "extra/env_context", "extra/env_c_api", "extra/json_parser"),
    "extra/json_writer",
)
RUNTIME_SOURCES = (
    *("device_api", "cpu_device_api", "tensor", "module", "thread_pool", "threading_backend"),
    *("workspace_pool", "logging", "file_utils", "memory/memory_manager", "vm/vm", "vm/executable"),
    *("vm/bytecode", "vm/builtin"),
)
COMPILE_OPTIONS = (
    *("-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden"),
    *("-ffunction-sections", "-fdata-sections", "-w", "-Wno-psabi", "-DNDEBUG", "-DTVM_FFI_EXPORTS=1"),
    *("-DTVM_RUNTIME_EXPORTS=1", "-DTVM_FFI_USE_LIBBACKTRACE=0", "-DTVM_FFI_BACKTRACE_ON_SEGFAULT=0"),
)
LINK_OPTIONS = (
    *("-shared", "-s", "-Wl,--build-id=none", "-Wl,--gc-sections", "-Wl,--no-undefined"),
    *("-Wl,--as-needed", "-Wl,-rpath,$ORIGIN"),
)


@dataclass(frozen=True)
class _Compiler:
    """A C++ compiler for a target.

    Attributes:
        command: how it is called.
        libraries: what it must link beside the usual.
        remedy: the command that installs it anew.
    """

    command: tuple[str, ...]
    linker: Linker
    libraries: tuple[str, ...]
    remedy: str

    def run(self, arguments: Sequence[str]) -> None:
        """Call it with *arguments*.

        Raises:
            FatalError: it fails; names the first error it printed.
        """
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = next(
                (s for s in done.stderr.splitlines() if "error" in s or "undefined" in s), done.stderr.strip()
            )
            raise FatalError(
                self.linker.describe(),
                f"building TVM's runtime: {reason}",
                f"install it anew: `{self.remedy}`",
            )


def _compilers(target: Target) -> list[_Compiler]:
    """The distribution's first: its runtime shares the board's libstdc++ and is half the size of zig's."""
    compilers = []
    if linker := distribution_linker(target):
        # GCC before 13 calls libatomic for one-byte atomics on RISC-V, and boards seldom have the library.
        remedy = f"apt-get install --reinstall {apt_package(target.link.prefer)}"
        compilers.append(_Compiler(linker.command, linker, ("-l:libatomic.a",), remedy))
    if linker := zig_linker(target):
        command = tuple("c++" if word == "cc" else word for word in linker.command)
        remedy = f"{sys.executable} -m pip install --force-reinstall {ZIG_REQUIREMENT}"
        compilers.append(_Compiler(command, linker, (), remedy))
    return compilers


def _recipe(compiler: _Compiler) -> str:
    """Short hash of all that decides the libraries' bytes besides TVM's sources."""
    digest = hashlib.sha256(compiler.linker.describe().encode())
    for words in (compiler.libraries, FFI_SOURCES, RUNTIME_SOURCES, COMPILE_OPTIONS, LINK_OPTIONS):
        digest.update(" ".join(words).encode())
    for header in sorted(HEADERS.rglob("*.h")):
        digest.update(header.read_bytes())
    return digest.hexdigest()[:12]


def _build(compiler: _Compiler, folder: Path) -> None:
    tvm, ffi = package_directory("tvm"), package_directory("tvm_ffi")
    site = tvm.parent
    options = [
        *COMPILE_OPTIONS,
        # Error messages quote __FILE__.
        f"-fmacro-prefix-map={site}/=",
        # The sources say "../support/x.h" and "../../support/x.h".
        *("-I", str(HEADERS), "-iquote", str(HEADERS / "tvm"), "-iquote", str(HEADERS / "tvm" / "support")),
        *("-I", str(tvm / "include"), "-I", str(ffi / "include")),
        *("-I", str(ffi / "3rdparty" / "dlpack" / "include")),
    ]
    sources = {
        TVM_FFI: [ffi / "src" / "ffi" / f"{name}.cc" for name in FFI_SOURCES],
        TVM_RUNTIME: [tvm / "src" / "runtime" / f"{name}.cc" for name in RUNTIME_SOURCES],
    }
    objects = {
        library: [folder / f"{library}.{number}.o" for number in range(len(files))]
        for library, files in sources.items()
    }

    jobs = [
        (source, obj)
        for library in sources
        for source, obj in zip(sources[library], objects[library], strict=True)
    ]

    def compile_one(job: tuple[Path, Path]) -> None:
        compiler.run([*options, "-c", str(job[0]), "-o", str(job[1])])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in track(pool.map(compile_one, jobs), "  compiling", len(jobs), LOG):
            pass

    needs: dict[str, list[str]] = {TVM_FFI: [], TVM_RUNTIME: [str(folder / TVM_FFI)]}
    for library, extra in needs.items():
        compiler.run(
            [
                *LINK_OPTIONS,
                f"-Wl,-soname,{library}",
                *("-o", str(folder / library), *map(str, objects[library]), *extra),
                *("-ldl", "-lpthread", *compiler.libraries),
            ]
        )
        compiler.linker.check(folder / library)
    for _, obj in jobs:
        obj.unlink()


def built(target: Target, cache: Path) -> RuntimeLibs:
    """Libraries for *target* by its cross compiler, or by zig where that one's C library is too new.

    Raises:
        FatalError: there is no compiler, or none gives libraries that load on the target.
    """
    compilers = _compilers(target)
    if not compilers:
        raise FatalError(
            f"TVM's runtime for {target.arch}",
            f"{target.link.prefer} is not on PATH and ziglang is not installed",
            f"run `apt-get install {apt_package(target.link.prefer)}` or `pip install {ZIG_REQUIREMENT}`",
        )
    tvm, ffi = versions()
    refusals: list[FatalError] = []
    for compiler in compilers:
        name = f"{target.arch}-glibc-{target.glibc}-tvm-{tvm}-ffi-{ffi}-{_recipe(compiler)}"

        def fill(folder: Path, compiler: _Compiler = compiler) -> None:
            LOG.info("runtime for %s: compiling with %s, once", target.arch, compiler.linker.describe())
            _build(compiler, folder)

        try:
            folder = cached(cache / "runtime-libs" / name, fill)
        except FatalError as error:
            LOG.info("  %s", error)
            refusals.append(error)
            continue
        source = f"built from apache-tvm {tvm} and apache-tvm-ffi {ffi} with {compiler.linker.describe()}"
        return RuntimeLibs(folder / TVM_RUNTIME, folder / TVM_FFI, source)
    raise refusals[-1]
