"""Is this bundle whole, is it for this board, and, where that is asked, is it by whom we trust?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device_runtime.board import describe as board
from device_runtime.board.cpu import Cpu, detect
from device_runtime.board.suggest import suggest_target
from device_runtime.bundle import signature
from device_runtime.bundle.manifest import MANIFEST_NAME, FileInfo, Manifest, decode, load_manifest
from device_runtime.bundle.sealed import sealed
from device_runtime.bundle.signature import PublicKey
from device_runtime.errors import FatalError

MODULE_NAME = "model.so"
LOCATOR_NAME = "locator.so"

_COPY_AGAIN = "copy the bundle to the board again"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle that has passed `verify`.

    Attributes:
        path: its folder.
        manifest: what it says.
        module: the library to load: `MODULE_NAME`, or the one linked on this board.
        locator: likewise of the module that finds plates; None where the bundle has none.
        identity: SHA-256 of the manifest.
        signed_by: the key that signed it, where a signature was required; None where it was not looked at.
    """

    path: Path
    manifest: Manifest
    module: Path
    locator: Path | None
    identity: str
    signed_by: PublicKey | None = None

    def opened(self, path: Path) -> Path:
        """What to open in place of the bundle's file *path*.

        Where a signature was required, it is a copy in memory, checked after it was read:
        whoever changes the file meanwhile changes nothing of what is loaded.

        Raises:
            FatalError: the file is not one that the signature vouches for.
        """
        if self.signed_by is None:
            return path.absolute()
        for name, info in self.manifest.files.items():
            if self.path / name == path:
                return sealed(path.name, _read_checked(path, info), info.sha256)
        raise FatalError(str(path), "is not among the files that were signed", _COPY_AGAIN)


def verify(
    path: Path, cpu: Cpu | None = None, model: str | None = None, keys: tuple[PublicKey, ...] = ()
) -> Bundle:
    """Check signature, schema version, file sizes and hashes, architecture and CPU features, in this order.

    Args:
        path: the bundle's folder.
        cpu, model: the board's processor and name; this machine's where None.
        keys: one of them must have signed it; none: signed or not, it is the same.

    Raises:
        FatalError: the first check that fails.
    """
    data = load_manifest(path)
    signed_by = signature.check(data, path, keys) if keys else None
    manifest = decode(data, str(path / MANIFEST_NAME))
    check_files(path, manifest.files)
    if MODULE_NAME not in manifest.files:
        raise FatalError(str(path / MANIFEST_NAME), f"lists no {MODULE_NAME}", "build the bundle again")
    check_board(manifest, cpu or detect(), model or board.model())
    locator = manifest.locator
    bundle = Bundle(
        path=path,
        manifest=manifest,
        module=_module(path / MODULE_NAME),
        locator=_module(path / locator.module) if locator else None,
        identity=hashlib.sha256(data).hexdigest(),
        signed_by=signed_by,
    )
    for module in (bundle.module, bundle.locator):
        if signed_by and module and module.name not in manifest.files:
            raise FatalError(
                str(module),
                "was linked on this board and has no signature",
                f"build the bundle for this board's C library instead of glibc {manifest.target.glibc}",
            )
    return bundle


def check_files(folder: Path, files: Mapping[str, FileInfo]) -> None:
    """Compare sizes and hashes of *files* in *folder*.

    Raises:
        FatalError: the first that differs or cannot be read.
    """
    for name, info in sorted(files.items()):
        _check_file(folder / name, info)


def local_names(module: str) -> tuple[str, str]:
    """Names of the library that install.sh links in place of *module*, and of the file with its SHA-256.

    It does where the board's C library is too old for *module*.
    """
    stem = module.removesuffix(".so")
    return f"{stem}.local.so", f"{stem}.local.sha256"


def check_board(manifest: Manifest, cpu: Cpu, model: str | None) -> None:
    """Refuse code that this processor cannot execute, before any of it is loaded.

    Raises:
        FatalError: naming what the board has, what the bundle needs and which target to build.
    """
    target = manifest.target
    missing = [name for name in target.cpu_features if name not in cpu.features]
    if cpu.arch == target.arch and not missing:
        return
    name = " ".join(filter(None, (model, cpu.name and f"({cpu.name})"))) or "unknown board"
    if cpu.arch != target.arch:
        why = f"needs {target.arch}, this board is {cpu.arch}: {name}"
    else:
        why = f"needs CPU features {', '.join(missing)}, which this board lacks: {name}"
    suggestion = suggest_target(cpu, model)
    if suggestion == target.name:
        suggestion = "native"
    raise FatalError(
        f"bundle for target {target.name}",
        why,
        f"run 'make target={suggestion} build' on the host and copy that",
    )


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_file(path: Path, info: FileInfo) -> None:
    try:
        _check_size(path, info, path.stat().st_size)
        _check_hash(path, info, sha256_of(path))
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _COPY_AGAIN) from None


def _read_checked(path: Path, info: FileInfo) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(info.bytes + 1)
    except OSError as error:
        raise FatalError(str(path), f"cannot be read ({error.strerror})", _COPY_AGAIN) from None
    _check_size(path, info, len(data))
    _check_hash(path, info, hashlib.sha256(data).hexdigest())
    return data


def _check_size(path: Path, info: FileInfo, size: int) -> None:
    if size != info.bytes:
        raise FatalError(str(path), f"has {size} bytes instead of {info.bytes}", _COPY_AGAIN)


def _check_hash(path: Path, info: FileInfo, sha256: str) -> None:
    if sha256 != info.sha256:
        raise FatalError(str(path), "does not match its SHA-256 in the manifest", _COPY_AGAIN)


def _module(shipped: Path) -> Path:
    """The module linked on this board if there is one, else the bundle's."""
    local, hashed = (shipped.with_name(name) for name in local_names(shipped.name))
    if not local.exists():
        return shipped
    try:
        matches = hashed.read_text().split()[:1] == [sha256_of(local)]
    except (OSError, UnicodeDecodeError):
        matches = False
    if not matches:
        raise FatalError(str(local), f"does not match {hashed.name}", "run the bundle's install.sh again")
    return local
