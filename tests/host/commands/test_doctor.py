from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from host.cli import main


def doctor(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    return result.exit_code, result.output


def test_a_working_machine_has_all_that_is_needed() -> None:
    code, output = doctor()
    assert code == 0, output
    assert "MISSING" not in output and "all that is needed is here" in output
    for name in ("apache-tvm", "torch", "numpy", "msgspec"):
        version = re.escape(importlib.metadata.version(name))
        assert re.search(rf"^ok +{name} .*{version}$", output, re.MULTILINE)
    for arch in ("x86_64", "aarch64", "armv7l", "riscv64"):
        assert f"linker for {arch}" in output


@pytest.mark.parametrize(
    ("name", "package"),
    [("rpi4", "g++-aarch64-linux-gnu"), ("rpi2", "g++-arm-linux-gnueabihf"), ("native", "g++")],
)
def test_a_missing_linker_is_named_with_its_package(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    code, output = doctor("--target", name)
    assert code == 1
    (line,) = [line for line in output.splitlines() if line.startswith("MISSING")]
    assert f"apt-get install {package}," in line and f"{sys.executable} -m pip install ziglang==" in line
    assert output.endswith("1 missing\n")
    if name != "native":
        assert "optional  qemu-" in output


def test_an_unknown_target_is_refused() -> None:
    code, output = doctor("--target", "rpi9")
    assert code == 2 and output.startswith("error: target 'rpi9'")
