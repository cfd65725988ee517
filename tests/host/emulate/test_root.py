"""The emulated board's Debian. The first run downloads it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from device_runtime.board.cpu import hwcap_features
from device_runtime.errors import FatalError
from host.emulate.root import root_for, run_in_root
from host.targets.read import load_target


@pytest.mark.parametrize("name", ["rpi4", "rpi5"])
def test_emulated_cpu_has_the_features_its_target_needs(name: str) -> None:
    target = load_target(name)
    root = root_for("aarch64")
    code = "import ctypes; f = ctypes.CDLL(None).getauxval; f.restype = ctypes.c_ulong; print(f(16), f(26))"
    done = run_in_root(root, str(target.emulate_cpu), [str(root.python), "-c", code])
    features = hwcap_features("aarch64", *map(int, done.stdout.split()))
    assert set(target.cpu_features) <= features
    assert ("asimddp" in features) == (name == "rpi5")


def test_missing_emulator_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = root_for("aarch64")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FatalError, match="apt-get install qemu-user-static"):
        run_in_root(root, "cortex-a72", ["/bin/true"])


def test_unknown_cpu_model(caplog: pytest.LogCaptureFixture) -> None:
    root = root_for("aarch64")
    done = run_in_root(root, "cortex-a9000", [str(root.python), "-c", "print(1)"])
    assert done.stdout == "1\n"
    assert "does not know cortex-a9000: emulating its `max`" in caplog.text
    elsewhere = dataclasses.replace(root, arch="riscv64")
    with pytest.raises(FatalError, match="no such CPU model – use a newer QEMU, or one of"):
        run_in_root(elsewhere, "u-9000", [])


def test_root_needs_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.emulate.root.MIRROR", f"file://{tmp_path}/none")
    with pytest.raises(FatalError, match=r"Debian packages for arm64: E: .* – check the network"):
        root_for("aarch64", tmp_path / "cache")
    assert list((tmp_path / "cache" / "roots").iterdir()) == []
    with pytest.raises(FatalError, match="root for sparc"):
        root_for("sparc")
