from __future__ import annotations

import shutil
from pathlib import Path

from click.testing import CliRunner

from device_runtime.bundle.signature import read_keys
from device_runtime.bundle.verify import verify
from host.cli import main


def test_a_bundle_is_signed(fp32_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(fp32_bundle, tmp_path / "bundle"))
    public = CliRunner().invoke(main, ["key", "new", str(tmp_path / "key")]).output
    done = CliRunner().invoke(main, ["sign", str(bundle), "--key", str(tmp_path / "key")])
    assert done.exit_code == 0 and "by key" in done.output
    assert verify(bundle, keys=read_keys(public)).signed_by == read_keys(public)[0]


def test_what_is_no_bundle_is_not_signed(tmp_path: Path) -> None:
    CliRunner().invoke(main, ["key", "new", str(tmp_path / "key")])
    done = CliRunner().invoke(main, ["sign", str(tmp_path), "--key", str(tmp_path / "key")])
    assert done.exit_code == 2 and "manifest.json" in done.stderr
