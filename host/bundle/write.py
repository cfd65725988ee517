"""Writes a bundle's files into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from tvm import relax

from device_runtime.bundle.golden import FILE, encode
from device_runtime.bundle.locator_golden import LOCATOR_GOLDEN
from device_runtime.bundle.locator_golden import encode as encode_maps
from device_runtime.bundle.verify import LOCATOR_NAME, MODULE_NAME
from device_runtime.sinks.glyphs import BUNDLE_SHEET
from host.bundle.contents import Contents
from host.bundle.device_package import copy_device_package
from host.bundle.folder import describe_files, write_manifest
from host.bundle.glyphs import glyph_sheet
from host.bundle.manifest import manifest_of
from host.compile.link import ARCHIVE_SUFFIX, Linker, archive


def write_contents(folder: Path, contents: Contents) -> None:
    """Write *contents* into the empty *folder*, the manifest last.

    Raises:
        FatalError: the module cannot be linked, or the device package's wheel cannot be built.
        OSError: the disk refuses.
    """
    _write_module(folder / MODULE_NAME, contents.compiled.executable, contents.linker)
    (folder / FILE).write_bytes(encode(contents.golden))
    if contents.locator:
        _write_module(folder / LOCATOR_NAME, contents.locator.executable, contents.linker)
        (folder / LOCATOR_GOLDEN).write_bytes(encode_maps(contents.locator.golden))
    shutil.copyfile(contents.libraries.tvm_runtime, folder / "libtvm_runtime.so")
    shutil.copyfile(contents.libraries.tvm_ffi, folder / "libtvm_ffi.so")
    copy_device_package(folder)
    if (glyphs := glyph_sheet(contents.checkpoint.alphabet.characters)) is not None:
        (folder / BUNDLE_SHEET).write_bytes(glyphs)
    (folder / "README.md").write_text(_readme(contents), encoding="utf-8")
    write_manifest(folder, manifest_of(contents, describe_files(folder)))


def _write_module(path: Path, executable: relax.VMExecutable, linker: Linker) -> None:
    """The library *path*, and beside it the archive of objects that a board can link itself."""
    link = linker.fcompile

    def both(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
        link(output, objects, options)
        archive(str(path.with_suffix(ARCHIVE_SUFFIX)), objects)

    # In one go: each export generates the code anew.
    executable.export_library(str(path), fcompile=both)


def _readme(contents: Contents) -> str:
    """`README.md.in` with its fields filled in."""
    target = contents.target
    template = (resources.files("host.bundle") / "README.md.in").read_text(encoding="utf-8")
    return template.format(
        board=target.display_name,
        precision=contents.compiled.precision,
        cpu=target.llvm.mcpu,
        glibc=target.glibc,
    )
