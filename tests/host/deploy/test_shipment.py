from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from device_runtime.bundle.manifest import read_manifest
from device_runtime.errors import FatalError
from host.bundle.sign import load_key, new_key, sign
from host.deploy.shipment import shipment


def test_what_a_board_gets_and_what_stays_here(fp32_bundle: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(fp32_bundle, bundle)
    for name in ("reports/run.json", "venv/bin/python", "wheels/numpy.whl", "wheels/notes.txt"):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(name)
    ship = shipment(bundle)
    expected = {*read_manifest(bundle).files, "manifest.json", "wheels/numpy.whl"}
    assert {file.name for file in ship.files} == expected
    assert all(hashlib.sha256(f.path.read_bytes()).hexdigest() == f.sha256 for f in ship.files)
    assert ship.identity == f"native-fp32-{ship.manifest_sha256[:12]}"
    # Wheels are not the bundle's identity.
    assert ship.identity == shipment(fp32_bundle).identity
    other = tmp_path / "other"
    other.mkdir()
    (other / "msgspec.whl").touch()
    assert "wheels/msgspec.whl" in {file.name for file in shipment(bundle, other).files}


def test_a_signature_goes_along_and_is_checked_against_a_boards_keys(
    fp32_bundle: Path, tmp_path: Path
) -> None:
    bundle, key, another = tmp_path / "bundle", new_key(tmp_path / "key"), new_key(tmp_path / "another")
    shutil.copytree(fp32_bundle, bundle)
    with pytest.raises(FatalError, match="is not signed"):
        shipment(bundle).check_signature(key.text, "gate:/etc/lpr/lpr.toml")
    sign(bundle, load_key(tmp_path / "key"))
    ship = shipment(bundle)
    assert "manifest.sig" in {file.name for file in ship.files}
    ship.check_signature(f"# ours\n{key.text}\n", "gate:/etc/lpr/keys")
    with pytest.raises(FatalError, match="and trusted is"):
        ship.check_signature(another.text, "gate:/etc/lpr/keys")


def test_a_damaged_bundle_is_none(fp32_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(fp32_bundle, tmp_path / "bundle")
    (tmp_path / "bundle/model.so").write_bytes(b"")
    with pytest.raises(FatalError, match=r"model.so: has 0 bytes"):
        shipment(tmp_path / "bundle")
    with pytest.raises(FatalError, match="is not a folder"):
        shipment(tmp_path / "none")
