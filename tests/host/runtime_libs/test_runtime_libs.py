from __future__ import annotations

import errno
import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.cache import cached
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


def test_failed_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FatalError, match="wheels for aarch64") as caught:
        runtime_libs(load_target("rpi4"), tmp_path / "cache")
    assert "apache-tvm==" in str(caught.value) and "check the network" in str(caught.value)
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_failing_compiler_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "arm-linux-gnueabihf-g++"
    compiler.write_text("#!/bin/sh\necho 'x.cc:1: error: out of luck' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(FatalError, match=r"building TVM's runtime: x\.cc:1: error: out of luck"):
        runtime_libs(load_target("rpi2"), tmp_path / "cache")
    assert list((tmp_path / "cache" / "runtime-libs").iterdir()) == []


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(FatalError, match="apt-get install g\\+\\+-riscv64-linux-gnu"):
        runtime_libs(load_target("visionfive2"), tmp_path / "cache")


def test_cached_folder_is_whole_or_absent(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "one").write_text("1")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FatalError, match="No space left on device"):
        cached(tmp_path / "thing", half)
    assert list(tmp_path.iterdir()) == []
    made = cached(tmp_path / "thing", lambda folder: (folder / "one").write_text("1") and None)
    assert (made / "one").read_text() == "1"
    assert cached(made, half) == made


def test_another_process_may_finish_first(tmp_path: Path) -> None:
    def slow(folder: Path) -> None:
        (folder / "mine").touch()
        (tmp_path / "thing").mkdir()
        (tmp_path / "thing" / "theirs").touch()

    assert [p.name for p in cached(tmp_path / "thing", slow).iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]
