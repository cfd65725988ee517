from __future__ import annotations

import importlib.metadata
import sys

import pytest

from device_runtime.errors import FatalError
from host.check.doctor import Check, check_package, check_packages, check_python, pip, satisfies


def test_wrong_pin_is_missing_with_its_remedy() -> None:
    check = check_package("apache-tvm-ffi", "==0.1.15.post2")
    assert check.found is None and check.needed
    assert check.remedy == f"{sys.executable} -m pip install apache-tvm-ffi==0.1.15.post2"
    assert importlib.metadata.version("apache-tvm-ffi") in check.purpose
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


@pytest.mark.parametrize(
    ("found", "needed", "state"), [("1", True, "ok"), (None, True, "MISSING"), (None, False, "optional")]
)
def test_what_is_missing_and_needed_stands_out(found: str | None, needed: bool, state: str) -> None:
    assert Check("a", found, needed, "do", "b").state == state
