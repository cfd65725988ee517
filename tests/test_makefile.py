from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLE = "build/native/manifest.json"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A copy of the source with a bundle for this machine that is newer than all of it."""
    ignored = shutil.ignore_patterns("__pycache__", "samples")
    for folder in ("host", "device_runtime", "lprnet", "targets"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for made in (BUNDLE, ".venv/.setup"):
        (tmp_path / made).parent.mkdir(parents=True)
        (tmp_path / made).touch()
    return tmp_path


def is_current(repository: Path) -> bool:
    command = ["make", "--question", "--old-file=.venv/.setup", BUNDLE]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(
    "name",
    [
        "device_runtime/install.sh",
        "device_runtime/requirements.txt",
        "device_runtime/read/decode.py",
        "device_runtime/sinks/glyphs.png",
        "host/kernels/conv.py",
        "targets/native.toml",
        "targets/tuned/zen4.json",
        "lprnet/weights/tiny.safetensors",
    ],
)
def test_a_changed_source_file_rebuilds_the_bundle_of_the_demo(built: Path, name: str) -> None:
    assert is_current(built)
    later = (built / BUNDLE).stat().st_mtime + 10
    os.utime(built / name, (later, later))
    assert not is_current(built)
