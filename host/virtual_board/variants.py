"""Bundles that differ from one that is there, for trying deployments: another good one, and bad ones."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from device_runtime.bundle.manifest import FileInfo, read_manifest
from device_runtime.bundle.signature import SIGNATURE_NAME
from device_runtime.bundle.verify import sha256_of
from host.bundle.folder import write_manifest


def variant(bundle: Path, into: Path, name: str, change: Callable[[Path], None] = lambda _: None) -> Path:
    """A copy of *bundle* in the new folder *into*, whole, but another one; not signed.

    Args:
        name: what its manifest says that it was created by.
        change: changes its files.
    """
    ignored = shutil.ignore_patterns("reports", "venv", SIGNATURE_NAME)
    shutil.copytree(bundle, into, ignore=ignored)
    change(into)
    manifest = read_manifest(into)
    files = {path: FileInfo(sha256_of(into / path), (into / path).stat().st_size) for path in manifest.files}
    write_manifest(into, msgspec.structs.replace(manifest, files=files, created_by=name))
    return into


def computes_wrong(folder: Path) -> None:
    """A golden output is another number than the bundle computes."""
    golden = read_manifest(folder).golden
    path = folder / golden.file
    data = bytearray(path.read_bytes())
    # 100.0 as float32, little-endian.
    data[golden.logits_offset : golden.logits_offset + 4] = b"\0\0\xc8\x42"
    path.write_bytes(data)


def ends_at_work(folder: Path) -> None:
    """Its lpr-run passes `--check`, and ends when there is something to do."""
    _program(folder, b"raise SystemExit('error: the shutter is stuck')")


def never_gets_ready(folder: Path) -> None:
    """Its lpr-run passes `--check`, and hangs when there is something to do."""
    _program(folder, b"__import__('time').sleep(3600)")


def _program(folder: Path, body: bytes) -> None:
    """Put *body* at the beginning of what lpr-run does before its first frame."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name, begin = "device_runtime/pipeline.py", b"    def warm_up("
    assert begin in files[name]
    files[name] = files[name].replace(
        begin, b"    def warm_up(self, *_):\n        " + body + b"\n\n    def _warm_up(", 1
    )
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
