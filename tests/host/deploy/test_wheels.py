from __future__ import annotations

import platform
from pathlib import Path

import pytest

from device_runtime.errors import FatalError
from host.deploy import wheels
from host.deploy.wheels import wheels_for

HERE = platform.python_version()


def test_they_are_downloaded_once_for_a_kind_of_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(requirements: list[str], arch: str, python: str, into: Path) -> list[Path]:
        asked.append((requirements, arch, python))
        (into / "numpy.whl").touch()
        return []

    monkeypatch.setattr(wheels, "download_wheels", download)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "requirements.txt").write_text("numpy==2\n")
    first = wheels_for(bundle, "aarch64", HERE, tmp_path / "cache")
    assert wheels_for(bundle, "aarch64", HERE, tmp_path / "cache") == first
    assert [path.name for path in first.iterdir()] == ["numpy.whl"]
    minor = ".".join(HERE.split(".")[:2])
    assert asked == [(["--requirement", str(bundle / "requirements.txt")], "aarch64", minor)]
    # What checks its signature comes along with a signed one.
    (bundle / "manifest.sig").touch()
    assert wheels_for(bundle, "aarch64", HERE, tmp_path / "cache") != first
    assert "PyNaCl" in str(asked[1])


@pytest.mark.parametrize(
    ("arch", "python", "why"),
    [("armv7l", HERE, "have no wheels for it"), ("aarch64", "3.10.4", "the board has Python 3.10.4")],
)
def test_where_there_are_none_that_is_said(arch: str, python: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=why):
        wheels_for(tmp_path, arch, python, tmp_path / "cache")
