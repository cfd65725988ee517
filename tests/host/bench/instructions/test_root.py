from __future__ import annotations

from pathlib import Path

import pytest

from host.bench.instructions.root import peer_root
from host.paths import CACHE
from host.targets.read import load_target


def test_a_peer_finds_its_package_and_an_arm_processor(tmp_path: Path) -> None:
    if not any((CACHE / "roots").glob("arm64-*")):
        pytest.skip("no arm64 root yet")
    root = peer_root("msgspec", "0.20.0", load_target("rpi5"), tmp_path)
    assert "CPU part\t: 0xd0b\n" in (root.path / "proc/cpuinfo").read_text()
    assert root.python.is_file()
    assert (root.packages / "numpy").is_dir()
