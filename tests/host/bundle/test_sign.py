from __future__ import annotations

import hashlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device_runtime.bundle.manifest import MANIFEST_NAME
from device_runtime.bundle.signature import SIGNATURE_NAME, check
from device_runtime.errors import FatalError
from host.bundle.sign import load_key, new_key, public_key, sign
from host.check.accuracy import Evaluation, record_accuracy


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "key")
    return tmp_path / "key"


def test_a_key_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key"
    public = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    with pytest.raises(FatalError, match="never overwritten"):
        new_key(path)
    assert path.read_bytes() == data
    assert public_key(load_key(path)) == public
    assert new_key(tmp_path / "another") != public


def test_what_is_no_private_key_is_refused(tmp_path: Path, key: Path) -> None:
    key.chmod(0o640)
    with pytest.raises(FatalError, match="others may use"):
        load_key(key)
    key.chmod(0o600)
    key.write_text("nonsense")
    with pytest.raises(FatalError, match="is no private key"):
        load_key(key)
    curve = generate_private_key(SECP256R1())
    key.write_bytes(curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(FatalError, match="not of ed25519"):
        load_key(key)
    with pytest.raises(FatalError, match="cannot be read"):
        load_key(tmp_path / "none")


def test_a_board_checks_what_was_signed(fp32_bundle: Path, tmp_path: Path, key: Path) -> None:
    bundle = Path(shutil.copytree(fp32_bundle, tmp_path / "bundle"))
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in bundle.glob("*.*")}
    public = sign(bundle, load_key(key))
    after = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in bundle.glob("*.*")}
    assert after.keys() - before.keys() == {SIGNATURE_NAME}
    assert all(after[name] == digest for name, digest in before.items())
    manifest = (bundle / MANIFEST_NAME).read_bytes()
    assert check(manifest, bundle, (public,)) == public
    first = (bundle / SIGNATURE_NAME).read_bytes()
    sign(bundle, load_key(key))
    assert (bundle / SIGNATURE_NAME).read_bytes() == first
    (bundle / "model.so").write_bytes(b"changed")
    with pytest.raises(FatalError, match=r"model\.so: has 7 bytes"):
        sign(bundle, load_key(key))


def test_signify_checks_it_too(fp32_bundle: Path, tmp_path: Path, key: Path) -> None:
    signify = shutil.which("signify-openbsd")
    if signify is None:
        pytest.skip("signify-openbsd is not installed")
    bundle = Path(shutil.copytree(fp32_bundle, tmp_path / "bundle"))
    public = sign(bundle, load_key(key))
    (tmp_path / "key.pub").write_text(f"untrusted comment: lpr\n{public.text}\n")
    command = [signify, "-V", "-p", str(tmp_path / "key.pub"), "-x", str(bundle / SIGNATURE_NAME)]
    command += ["-m", str(bundle / MANIFEST_NAME)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_accuracies_that_are_recorded_end_a_signature(
    fp32_bundle: Path, tmp_path: Path, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = Path(shutil.copytree(fp32_bundle, tmp_path / "bundle"))
    sign(bundle, load_key(key))
    record_accuracy(bundle, [Evaluation("plates", ("A1",), ("A1",))])
    assert not (bundle / SIGNATURE_NAME).exists()
    assert "no longer signed" in caplog.text
