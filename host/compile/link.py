"""Link a compiled module for a target: the distribution's cross compiler, else zig from PyPI."""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from host.compile.elf import read_requirements, version
from host.targets.profile import Target

ZIG_REQUIREMENT = "ziglang==0.16.0"

ARCHIVE_SUFFIX = ".tar.gz"
"""Of what `archive` writes."""

OPTIONS = ("-shared", "-fPIC", "-s", "-Wl,--build-id=none", "-Wl,--as-needed")
"""Stripped, and nothing in it that depends on when, where or under which name it was linked."""


@dataclass(frozen=True, kw_only=True)
class Linker:
    """A compiler driver that links shared objects for one target.

    Attributes:
        command: the driver with the arguments that make it one for the target (zig: `-target …`).
        name: what to call it.
        arch: architecture of the target.
        glibc: the target's oldest C library.
        remedy: what installs it anew.
    """

    command: tuple[str, ...]
    name: str
    version: str
    arch: str
    glibc: str
    remedy: str

    def describe(self) -> str:
        """Name and version for the manifest, e.g. `aarch64-linux-gnu-g++ 12.2.0`."""
        return f"{self.name} {self.version}"

    @property
    def fcompile(self) -> Callable[..., None]:
        """For `export_library(path, fcompile=…)`; checks what it linked against the target's C library.

        Raises:
            FatalError: linking fails or the result would not load on the target.
        """
        from tvm.support import cc

        create_shared = self.command[0] if len(self.command) == 1 else self._run
        link = cc.cross_compiler(create_shared, options=list(OPTIONS), output_format="so")

        def checked(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
            try:
                link(output, list(objects), options=list(options or ()))
            except (RuntimeError, OSError) as error:
                reason = next((s for s in str(error).splitlines() if "error" in s.lower()), str(error))
                raise FatalError(
                    self.describe(), f"linking {Path(output).name} failed: {reason}", self.remedy
                ) from error
            self.check(Path(output))

        checked.output_format = "so"  # type: ignore[attr-defined]
        return checked

    def _run(self, output: str, objects: Sequence[str], options: Sequence[str]) -> None:
        command = [*self.command, "-o", output, *options, *objects]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr or done.stdout)

    def check(self, library: Path) -> None:
        """See whether *library* loads on the target.

        Raises:
            FatalError: it is for another architecture, or needs a newer C library.
        """
        needs = read_requirements(library)
        if needs.arch != self.arch:
            raise FatalError(str(library), f"linked for {needs.arch}, not {self.arch}", self.remedy)
        if needs.newest("GLIBC_") > version(self.glibc):
            newest = ".".join(map(str, needs.newest("GLIBC_")))
            raise FatalError(
                str(library),
                f"needs glibc {newest}, the target has {self.glibc}",
                f"link with zig: python -m pip install {ZIG_REQUIREMENT}, without {self.name} on PATH",
            )


def apt_package(driver: str) -> str:
    """Debian's and Ubuntu's package of a driver: `aarch64-linux-gnu-g++` → `g++-aarch64-linux-gnu`."""
    triple, _, compiler = driver.rpartition("-")
    return f"{compiler}-{triple}" if triple and triple != f"{os.uname().machine}-linux-gnu" else compiler


def distribution_linker(target: Target) -> Linker | None:
    """The profile's preferred compiler driver, if it is on PATH."""
    path = shutil.which(target.link.prefer)
    if path is None:
        return None
    done = subprocess.run([path, "-dumpfullversion"], capture_output=True, text=True, check=False)
    return Linker(
        command=(path,),
        name=target.link.prefer,
        version=done.stdout.strip() or "unknown",
        arch=target.arch,
        glibc=target.glibc,
        remedy=f"run `apt-get install --reinstall {apt_package(target.link.prefer)}`",
    )


def zig_linker(target: Target) -> Linker | None:
    """zig's C compiler for the profile's triple and C library version, if the PyPI package is installed."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    triple = f"{target.link.fallback}.{target.glibc}"
    return Linker(
        command=(sys.executable, "-m", "ziglang", "cc", "-target", triple),
        name=f"zig cc -target {triple}",
        version=importlib.metadata.version("ziglang"),
        arch=target.arch,
        glibc=target.glibc,
        remedy=f"run `{sys.executable} -m pip install --force-reinstall {ZIG_REQUIREMENT}`",
    )


def linker_for(target: Target) -> Linker:
    """The linker a build for *target* uses.

    Raises:
        FatalError: there is none; names the commands that install one.
    """
    linker = distribution_linker(target) or zig_linker(target)
    if linker is None:
        raise FatalError(
            f"linker for target {target.name}",
            f"{target.link.prefer} is not on PATH and ziglang is not installed",
            f"run `apt-get install {apt_package(target.link.prefer)}` or `{sys.executable} -m pip install "
            f"{ZIG_REQUIREMENT}`",
        )
    return linker


def archive(output: str, objects: Sequence[str], options: Sequence[str] | None = None) -> None:
    """`fcompile` that packs the objects for linking on the board; the same objects give the same bytes."""
    with (
        Path(output).open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in sorted(map(Path, objects), key=lambda path: path.name):
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as source:
                tar.addfile(entry, source)


archive.output_format = "tar"  # type: ignore[attr-defined]
