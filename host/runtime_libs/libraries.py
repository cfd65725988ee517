"""The names of the two libraries, where those for a board are, and which versions they have."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

TVM_RUNTIME, TVM_FFI = "libtvm_runtime.so", "libtvm_ffi.so"


@dataclass(frozen=True)
class RuntimeLibs:
    """The libraries for one architecture.

    Attributes:
        source: where they are from, with versions.
    """

    tvm_runtime: Path
    tvm_ffi: Path
    source: str


def versions() -> tuple[str, str]:
    """Installed versions of apache-tvm and apache-tvm-ffi, which the board's libraries must equal."""
    return importlib.metadata.version("apache-tvm"), importlib.metadata.version("apache-tvm-ffi")
