"""Who built a bundle: `manifest.sig`, an ed25519 signature of the bytes of `manifest.json`.

The manifest has the SHA-256 of every file, so the signature vouches for them all. Keys and signatures are
written as OpenBSD's signify writes them, which can check a bundle, too:

    key        "RW" …   base64 of  "Ed"  key id [8]  public key [32]
    signature  untrusted comment: …
               "RW" …   base64 of  "Ed"  key id [8]  signature [64]
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError

SIGNATURE_NAME = "manifest.sig"

ALGORITHM, ID_BYTES, KEY_BYTES, SIGNATURE_BYTES = b"Ed", 8, 32, 64
COMMENT = "untrusted comment: "
LONGEST = 64 << 10
"""Bytes of a file of keys or of a signature; a few hundred are usual."""

_GET_KEY = "give the line that `lpr-host key show` prints, or a file with such lines"
_SIGN_AGAIN = "sign the bundle again with `lpr-host sign` and copy it"


@dataclass(frozen=True)
class PublicKey:
    """An ed25519 key that bundles are checked with.

    Attributes:
        identity: 8 bytes that signatures name it by.
        key: its 32 bytes.
    """

    identity: bytes
    key: bytes

    @property
    def text(self) -> str:
        """In one line of 56 characters."""
        return base64.b64encode(ALGORITHM + self.identity + self.key).decode()


@dataclass(frozen=True)
class Signature:
    """What `manifest.sig` holds.

    Attributes:
        identity: of the key, 8 bytes.
        value: 64 bytes.
    """

    identity: bytes
    value: bytes

    def encode(self) -> bytes:
        """The file."""
        line = base64.b64encode(ALGORITHM + self.identity + self.value).decode()
        return f"{COMMENT}lpr-edge bundle, key {self.identity.hex()}\n{line}\n".encode()


def decode(data: bytes, source: str) -> Signature:
    """The signature in the file *data*.

    Args:
        data: the file.
        source: what to name in an error, usually the file's path.

    Raises:
        FatalError: it is none.
    """
    lines = data.decode("ascii", "replace").splitlines()
    packed = _unpack(lines[1], SIGNATURE_BYTES) if len(lines) == 2 and lines[0].startswith(COMMENT) else None
    if packed is None:
        raise FatalError(source, "is no signature", _SIGN_AGAIN)
    return Signature(*packed)


def parse_keys(text: str, source: str) -> tuple[PublicKey, ...]:
    """Public keys, one a line; empty lines and comments (`#`, `untrusted comment:`) are passed over.

    Args:
        text: the lines.
        source: what to name in an error.

    Raises:
        FatalError: a line is no key, or there is none.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(("#", COMMENT)):
            continue
        packed = _unpack(line.strip(), KEY_BYTES)
        if packed is None:
            raise FatalError(source, f"line {number} is no public key", _GET_KEY)
        keys.append(PublicKey(*packed))
    if not keys:
        raise FatalError(source, "holds no public key", _GET_KEY)
    return tuple(keys)


def read_keys(given: str) -> tuple[PublicKey, ...]:
    """The public keys that *given* is, or that stand in the file of that name.

    Raises:
        FatalError: it is neither.
    """
    packed = _unpack(given.strip(), KEY_BYTES)
    if packed is not None:
        return (PublicKey(*packed),)
    try:
        with Path(given).open("rb") as file:
            text = file.read(LONGEST).decode("ascii", "replace")
    except (OSError, ValueError) as error:
        why = f"is no public key, nor a file ({getattr(error, 'strerror', None) or error})"
        raise FatalError(f"--require-signature {given[:80]}", why, _GET_KEY) from None
    return parse_keys(text, given)


def check(manifest: bytes, folder: Path, keys: tuple[PublicKey, ...]) -> PublicKey:
    """The key of *keys* that signed *manifest*, which is of the bundle in *folder*.

    Raises:
        FatalError: the bundle is not signed, or by another key, or the signature is of another manifest; or
            what checks signatures is not installed.
    """
    path = folder / SIGNATURE_NAME
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST)
    except FileNotFoundError:
        why = f"is not signed, and --require-signature refuses that: there is no {SIGNATURE_NAME}"
        raise FatalError(str(folder), why, _SIGN_AGAIN) from None
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _SIGN_AGAIN) from None
    signature = decode(data, str(path))
    known = [key for key in keys if key.identity == signature.identity]
    if not known:
        trusted = ", ".join(key.identity.hex() for key in keys)
        why = f"is by key {signature.identity.hex()}, and trusted is {trusted}"
        raise FatalError(str(path), why, _SIGN_AGAIN)
    for key in known:
        if _is_by(key, manifest, signature):
            return key
    why = f"is no signature of this manifest by key {signature.identity.hex()}"
    raise FatalError(str(path), why, "one of both was changed: copy the bundle to the board again")


def _is_by(key: PublicKey, message: bytes, signature: Signature) -> bool:
    try:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey
    except ImportError:
        raise FatalError(
            "--require-signature",
            "PyNaCl, which checks signatures, is not installed",
            "run install.sh of a signed bundle, or `pip install PyNaCl` (apt: python3-nacl)",
        ) from None
    try:
        VerifyKey(key.key).verify(message, signature.value)
    except BadSignatureError:
        return False
    return True


def _unpack(line: str, size: int) -> tuple[bytes, bytes] | None:
    """Key id and the *size* bytes behind it; None where *line* is something else."""
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) != len(ALGORITHM) + ID_BYTES + size or not data.startswith(ALGORITHM):
        return None
    return data[2 : 2 + ID_BYTES], data[2 + ID_BYTES :]
