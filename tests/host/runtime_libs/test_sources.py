from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.runtime_libs import runtime_libs
from host.targets.read import load_target


def test_failing_compiler_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "arm-linux-gnueabihf-g++"
    compiler.write_text("#!/bin/sh\necho 'x.cc:1: error: out of luck' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(FatalError, match=r"building TVM's runtime: x\.cc:1: error: out of luck") as caught:
        runtime_libs(load_target("rpi2"), tmp_path / "cache")
    assert "apt-get install --reinstall g++-arm-linux-gnueabihf" in str(caught.value)
    assert list((tmp_path / "cache" / "runtime-libs").iterdir()) == []


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(FatalError, match="apt-get install g\\+\\+-riscv64-linux-gnu"):
        runtime_libs(load_target("visionfive2"), tmp_path / "cache")
