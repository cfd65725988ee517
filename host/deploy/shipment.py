"""What is copied of a bundle, and what it is called on a board."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from device_runtime.bundle import signature
from device_runtime.bundle.manifest import MANIFEST_NAME, Manifest, decode, load_manifest
from device_runtime.bundle.signature import SIGNATURE_NAME, parse_keys
from device_runtime.bundle.verify import check_files, sha256_of

WHEELS = "wheels"
"""Folder beside the bundle's files that install.sh installs from."""


@dataclass(frozen=True)
class Shipped:
    """A file on its way.

    Attributes:
        name: inside the bundle, with `/`.
        path: here.
        size: bytes.
    """

    name: str
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """A bundle that is whole, and the files of it that boards get.

    Attributes:
        folder: here.
        identity: what it is called on boards: target, precision and the beginning of its manifest's SHA-256.
        manifest_sha256: as health reports name it.
    """

    folder: Path
    manifest: Manifest
    identity: str
    manifest_sha256: str
    files: tuple[Shipped, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)

    def check_signature(self, keys: str, source: str) -> None:
        """Refuse what a board will refuse, before it is copied.

        Args:
            keys: public keys, a line each.
            source: where they stand.

        Raises:
            FatalError: none of them signed the bundle.
        """
        data = (self.folder / MANIFEST_NAME).read_bytes()
        signature.check(data, self.folder, parse_keys(keys, source))


def shipment(folder: Path, wheels: Path | None = None) -> Shipment:
    """The bundle in *folder*, checked, with the wheels in the folder *wheels*, or beside it, if any.

    Raises:
        FatalError: it is no bundle, or a file is damaged.
    """
    data = load_manifest(folder)
    manifest = decode(data, str(folder / MANIFEST_NAME))
    check_files(folder, manifest.files)
    manifest_sha256 = hashlib.sha256(data).hexdigest()
    paths = {name: folder / name for name in (*manifest.files, MANIFEST_NAME)}
    if (folder / SIGNATURE_NAME).is_file():
        paths[SIGNATURE_NAME] = folder / SIGNATURE_NAME
    for path in sorted((wheels or folder / WHEELS).glob("*.whl")):
        paths[f"{WHEELS}/{path.name}"] = path
    files = [
        Shipped(name, path, path.stat().st_size, _hash(manifest, name, path))
        for name, path in sorted(paths.items())
    ]
    plain = re.sub("[^A-Za-z0-9._+-]", "_", f"{manifest.target.name}-{manifest.precision}").lstrip("._+-")
    return Shipment(
        folder=folder,
        manifest=manifest,
        identity=f"{plain or 'bundle'}-{manifest_sha256[:12]}",
        manifest_sha256=manifest_sha256,
        files=tuple(files),
    )


def _hash(manifest: Manifest, name: str, path: Path) -> str:
    known = manifest.files.get(name)
    return known.sha256 if known else sha256_of(path)
