from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.runtime_libs import runtime_libs
from host.targets.read import load_target


def test_failed_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FatalError, match="wheels for aarch64") as caught:
        runtime_libs(load_target("rpi4"), tmp_path / "cache")
    assert "apache-tvm==" in str(caught.value) and "check the network" in str(caught.value)
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
