from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from device_runtime.bundle.signature import (
    SIGNATURE_NAME,
    PublicKey,
    Signature,
    check,
    decode,
    parse_keys,
    read_keys,
)
from device_runtime.errors import FatalError

SECRET = SigningKey(bytes(range(32)))
KEY = PublicKey(b"12345678", bytes(SECRET.verify_key))
OTHER = PublicKey(b"87654321", bytes(SigningKey(bytes(32)).verify_key))
MANIFEST = b'{"schema_version": 3}\n'


def signed(folder: Path, message: bytes = MANIFEST, key: PublicKey = KEY) -> None:
    signature = Signature(key.identity, SECRET.sign(message).signature)
    (folder / SIGNATURE_NAME).write_bytes(signature.encode())


def test_a_key_is_one_line() -> None:
    assert KEY.text.startswith("RW") and len(KEY.text) == 56
    assert parse_keys(KEY.text, "-") == (KEY,)
    lines = f"# of the office\nuntrusted comment: signify writes this\n{KEY.text}\n\n{OTHER.text}\n"
    assert parse_keys(lines, "-") == (KEY, OTHER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no public key"),
        ("# none\n", "holds no public key"),
        (KEY.text + "\nnonsense\n", "line 2 is no public key"),
        (KEY.text[:-4], "line 1 is no public key"),
        (base64.b64encode(b"XX" + bytes(40)).decode(), "line 1 is no public key"),
    ],
)
def test_what_is_no_key_is_refused(text: str, said: str) -> None:
    with pytest.raises(FatalError, match=said):
        parse_keys(text, "keys")


def test_keys_are_given_as_text_or_as_a_file(tmp_path: Path) -> None:
    assert read_keys(f" {KEY.text}\n") == (KEY,)
    (tmp_path / "keys").write_text(f"{OTHER.text}\n{KEY.text}\n")
    assert read_keys(str(tmp_path / "keys")) == (OTHER, KEY)
    for given in (str(tmp_path / "none"), str(tmp_path), "RWnonsense", "a\0b", ""):
        with pytest.raises(FatalError) as caught:
            read_keys(given)
        assert "\n" not in str(caught.value)


def test_the_right_signature_passes(tmp_path: Path) -> None:
    signed(tmp_path)
    assert check(MANIFEST, tmp_path, (OTHER, KEY)) == KEY
    assert decode((tmp_path / SIGNATURE_NAME).read_bytes(), "-").identity == KEY.identity


def test_no_signature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is not signed"):
        check(MANIFEST, tmp_path, (KEY,))
    (tmp_path / SIGNATURE_NAME).mkdir()
    with pytest.raises(FatalError, match=r"manifest\.sig: cannot be read"):
        check(MANIFEST, tmp_path, (KEY,))


def test_another_key_is_refused(tmp_path: Path) -> None:
    signed(tmp_path)
    with pytest.raises(
        FatalError, match=f"by key {KEY.identity.hex()}, and trusted is {OTHER.identity.hex()}"
    ):
        check(MANIFEST, tmp_path, (OTHER,))
    # It calls itself as the trusted one.
    with pytest.raises(FatalError, match="is no signature of this manifest"):
        check(MANIFEST, tmp_path, (PublicKey(KEY.identity, OTHER.key),))
    assert check(MANIFEST, tmp_path, (PublicKey(KEY.identity, OTHER.key), KEY)) == KEY


def test_every_changed_bit_is_refused(tmp_path: Path) -> None:
    signed(tmp_path)
    whole = (tmp_path / SIGNATURE_NAME).read_bytes()
    for bit in range(8 * len(MANIFEST)):
        changed = bytearray(MANIFEST)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FatalError):
            check(bytes(changed), tmp_path, (KEY,))
    line = base64.b64decode(whole.splitlines()[1])
    for bit in range(8 * len(line)):
        changed = bytearray(line)
        changed[bit // 8] ^= 1 << bit % 8
        text = b"untrusted comment: -\n" + base64.b64encode(bytes(changed)) + b"\n"
        (tmp_path / SIGNATURE_NAME).write_bytes(text)
        with pytest.raises(FatalError):
            check(MANIFEST, tmp_path, (KEY,))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"untrusted comment: x\n", b"a\nb\nc\n", os.urandom(9999)]
)
def test_what_is_no_signature_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SIGNATURE_NAME).write_bytes(data)
    with pytest.raises(FatalError, match="is no signature"):
        check(MANIFEST, tmp_path, (KEY,))


def test_without_a_verifier_nothing_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(tmp_path)
    monkeypatch.setitem(sys.modules, "nacl.signing", None)
    with pytest.raises(FatalError, match="PyNaCl, which checks signatures, is not installed"):
        check(MANIFEST, tmp_path, (KEY,))
