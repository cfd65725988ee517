from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from device_runtime.errors import FatalError
from host.check.doctor import Check, check_package, check_packages, check_python, pip, satisfies
from host.cli import main


def doctor(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    return result.exit_code, result.output


def test_working_machine() -> None:
    code, output = doctor()
    assert code == 0, output
    assert "MISSING" not in output and "all that is needed is here" in output
    for name in ("apache-tvm", "torch", "numpy", "msgspec"):
        assert f"ok        {name}: {importlib.metadata.version(name)}" in output
    for arch in ("x86_64", "aarch64", "armv7l", "riscv64"):
        assert f"linker for {arch}" in output


@pytest.mark.parametrize(
    ("name", "package"),
    [("rpi4", "g++-aarch64-linux-gnu"), ("rpi2", "g++-arm-linux-gnueabihf"), ("native", "g++")],
)
def test_missing_linker(name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    code, output = doctor("--target", name)
    assert code == 1
    (line,) = [s for s in output.splitlines() if s.strip().startswith("MISSING")]
    assert f"apt-get install {package}," in line and f"{sys.executable} -m pip install ziglang==" in line
    assert output.endswith("1 missing\n")
    if name != "native":
        assert "optional  qemu-" in output


def test_unknown_target() -> None:
    code, output = doctor("--target", "rpi9")
    assert code == 2 and output.startswith("error: target 'rpi9'")


def test_wrong_pin_is_missing_with_its_remedy() -> None:
    check = check_package("apache-tvm-ffi", "==0.1.15.post2")
    assert check.found is None and check.needed
    assert check.line().endswith(f"{sys.executable} -m pip install apache-tvm-ffi==0.1.15.post2")
    assert importlib.metadata.version("apache-tvm-ffi") in check.line()
    absent = check_package("no-such-thing", ">=1")
    assert absent.found is None and absent.remedy == pip("no-such-thing>=1")


def test_every_requirement_of_the_project_is_checked() -> None:
    names = {check.name for check in check_packages()}
    assert {"apache-tvm", "apache-tvm-ffi", "torch", "numpy", "opencv-python-headless", "click"} <= names
    assert not names & {"pytest", "ruff", "ziglang", "onnxruntime"}
    with pytest.raises(FatalError, match="make setup"):
        list(check_packages("no-such-distribution"))


def test_python_is_this_one() -> None:
    assert next(iter(check_python())).found == sys.version.split()[0]


@pytest.mark.parametrize(
    ("version", "specifier", "met"),
    [
        ("2.13.0+cpu", "==2.13.0", True),
        ("0.1.14.post1", "==0.1.14.post1", True),
        ("0.1.14", "==0.1.14.post1", False),
        ("8.10", ">=8.2", True),
        ("8.1.9", ">=8.2", False),
        ("3.5", ">=3.5", True),
        ("1.0", "", True),
    ],
)
def test_specifiers(version: str, specifier: str, met: bool) -> None:
    assert satisfies(version, specifier) == met


def test_lines() -> None:
    assert Check("a", "1", True, "", "").line() == "  ok        a: 1"
    assert Check("a", None, True, "do", "b").line() == "  MISSING   a, for b: do"
    assert Check("a", None, False, "do", "b").line() == "  optional  a, for b: do"
