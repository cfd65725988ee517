"""The two shared libraries a board needs to run a module: TVM's runtime and its foreign-function core."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path

from host.paths import CACHE
from host.targets.profile import Target

TVM_RUNTIME, TVM_FFI = "libtvm_runtime.so", "libtvm_ffi.so"
WHEEL_ARCHITECTURES = ("x86_64", "aarch64")
"""Architectures that both apache-tvm and apache-tvm-ffi have wheels for."""


@dataclass(frozen=True)
class RuntimeLibs:
    """The libraries for one architecture; `source` says where they are from, with versions."""

    tvm_runtime: Path
    tvm_ffi: Path
    source: str


def versions() -> tuple[str, str]:
    """Installed versions of apache-tvm and apache-tvm-ffi, which the board's libraries must equal."""
    return importlib.metadata.version("apache-tvm"), importlib.metadata.version("apache-tvm-ffi")


def runtime_libs(target: Target, cache: Path = CACHE) -> RuntimeLibs:
    """Libraries for *target*'s architecture, of the versions installed here.

    This machine's architecture: the installed wheels' own. Another with wheels: downloaded (about 100 MB,
    once). Any other: built from the C++ sources in the installed wheels (about a minute, once).

    Raises `FatalError` when the download or the build fails, or the result is too new for the target.
    """
    from host.runtime_libs import sources, wheels

    if target.arch == platform.machine():
        libs = wheels.installed()
    elif target.arch in WHEEL_ARCHITECTURES:
        libs = wheels.downloaded(target.arch, cache)
    else:
        libs = sources.built(target, cache)
    return libs
