"""Signs bundles, so that a board can be told to load no others."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from device_runtime.bundle.manifest import MANIFEST_NAME, decode, load_manifest
from device_runtime.bundle.signature import ID_BYTES, SIGNATURE_NAME, PublicKey, Signature
from device_runtime.bundle.verify import check_files
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NEW = "make one with `lpr-host key new FILE`"


def new_key(path: Path) -> PublicKey:
    """Write a new private key to *path* (PEM, mode 600) and return its public key.

    Raises:
        FatalError: there is a file already, which is left alone, or the file system refuses.
    """
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise
    except FileExistsError:
        raise FatalError(
            str(path), "is there already, and keys are never overwritten", "name another file"
        ) from None
    except OSError as error:
        raise FatalError(str(path), f"cannot be written ({error.strerror})", "name another file") from None
    return public_key(key)


def load_key(path: Path) -> Ed25519PrivateKey:
    """The private key in the file *path*.

    Raises:
        FatalError: it cannot be read, others may read it, or it is no such key.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(1 << 16)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _NEW) from None
    if mode & _OTHERS:
        why = f"is a private key that others may use (mode {mode:o})"
        raise FatalError(
            str(path), why, f"chmod 600 {path}, and make a new one if others were on this machine"
        )
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FatalError(str(path), "is no private key without a password, in PEM", _NEW) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FatalError(str(path), "is a private key, but not of ed25519", _NEW)
    return key


def public_key(key: Ed25519PrivateKey) -> PublicKey:
    """What boards check signatures of *key* with; it is named by its hash."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PublicKey(hashlib.sha256(raw).digest()[:ID_BYTES], raw)


def sign(bundle: Path, key: Ed25519PrivateKey) -> PublicKey:
    """Write the signature of the bundle in folder *bundle*, replacing an old one, and return the public key.

    Raises:
        FatalError: it is no bundle, its files are not those of its manifest, or the file system refuses.
    """
    data = load_manifest(bundle)
    check_files(bundle, decode(data, str(bundle / MANIFEST_NAME)).files)
    public = public_key(key)
    write_atomic(bundle / SIGNATURE_NAME, Signature(public.identity, key.sign(data)).encode())
    return public
