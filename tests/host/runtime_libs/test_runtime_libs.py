from __future__ import annotations

import importlib.metadata

import pytest

from host.compile.elf import read_requirements, version
from host.runtime_libs import runtime_libs
from host.targets.read import list_targets, load_target

# The C library's, and the C++ library that Python packages with C++ in them bring to any board.
ON_EVERY_BOARD = ("libc.", "libm.", "libdl.", "libpthread.", "ld-linux", "libstdc++.", "libgcc_s.")


@pytest.mark.parametrize("name", list_targets())
def test_libraries_load_on_the_target(name: str) -> None:
    """Downloads or builds the libraries at the first run."""
    target = load_target(name)
    libs = runtime_libs(target)
    assert libs.tvm_runtime.name == "libtvm_runtime.so" and libs.tvm_ffi.name == "libtvm_ffi.so"
    for path in (libs.tvm_runtime, libs.tvm_ffi):
        needs = read_requirements(path)
        assert needs.arch == target.arch
        assert needs.newest("GLIBC_") <= version(target.glibc)
        others = [n for n in needs.libraries if not n.startswith(ON_EVERY_BOARD)]
        assert others == (["libtvm_ffi.so"] if path == libs.tvm_runtime else [])
    assert b"TVMFFIFunctionCall" in libs.tvm_ffi.read_bytes()
    assert b"vm_load_executable" in libs.tvm_runtime.read_bytes()
    for package in ("apache-tvm", "apache-tvm-ffi"):
        assert f"{package} {importlib.metadata.version(package)}" in libs.source


@pytest.mark.parametrize("name", ["rpi4", "rpi2"])
def test_made_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    libs = runtime_libs(load_target(name))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    before = libs.tvm_runtime.stat().st_mtime_ns
    assert runtime_libs(load_target(name)) == libs
    assert libs.tvm_runtime.stat().st_mtime_ns == before
