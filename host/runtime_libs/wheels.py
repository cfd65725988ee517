"""Runtime libraries out of apache-tvm's and apache-tvm-ffi's wheels, which come stripped."""

from __future__ import annotations

import logging
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from device_runtime.errors import FatalError
from host.cache import cached
from host.runtime_libs.libraries import TVM_FFI, TVM_RUNTIME, RuntimeLibs, versions

LOG = logging.getLogger(__name__)

PYTHON = "3.11"
"""Which of apache-tvm-ffi's wheels is taken; fixed so that every host ships the same bytes."""


def package_directory(package: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def installed() -> RuntimeLibs:
    """The libraries of the wheels installed here."""
    tvm, ffi = versions()
    return RuntimeLibs(
        package_directory("tvm") / "lib" / TVM_RUNTIME,
        package_directory("tvm_ffi") / "lib" / TVM_FFI,
        f"apache-tvm {tvm} and apache-tvm-ffi {ffi} wheels for {platform.machine()}",
    )


def downloaded(arch: str, cache: Path) -> RuntimeLibs:
    """The libraries of *arch*'s wheels of the versions installed here; only the two are kept.

    Raises:
        FatalError: pip cannot get the wheels, or the disk refuses.
    """
    tvm, ffi = versions()
    members = {f"tvm/lib/{TVM_RUNTIME}": TVM_RUNTIME, f"tvm_ffi/lib/{TVM_FFI}": TVM_FFI}

    def fill(folder: Path) -> None:
        LOG.info(
            "runtime for %s: downloading apache-tvm %s and apache-tvm-ffi %s (about 100 MB, once)",
            *(arch, tvm, ffi),
        )
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            requirements = [f"apache-tvm=={tvm}", f"apache-tvm-ffi=={ffi}"]
            for wheel in download_wheels(requirements, arch, PYTHON, Path(scratch)):
                with zipfile.ZipFile(wheel) as archive:
                    for name in set(archive.namelist()) & set(members):
                        (folder / members[name]).write_bytes(archive.read(name))

    folder = cached(cache / "runtime-libs" / f"{arch}-tvm-{tvm}-ffi-{ffi}", fill)
    return RuntimeLibs(
        folder / TVM_RUNTIME, folder / TVM_FFI, f"apache-tvm {tvm} and apache-tvm-ffi {ffi} wheels for {arch}"
    )


def download_wheels(requirements: Sequence[str], arch: str, python: str, into: Path) -> list[Path]:
    """Wheels of exactly *requirements* (no dependencies) for glibc *arch* and Python *python* (`"3.11"`).

    Raises:
        FatalError: pip cannot get one.
    """
    tags = [f"manylinux_2_{minor}_{arch}" for minor in (28, 27, 17)] + [f"manylinux2014_{arch}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [f"--platform={tag}" for tag in tags] + ["--dest", str(into), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((s for s in done.stderr.splitlines() if s.startswith("ERROR")), "pip failed")
        raise FatalError(
            f"wheels for {arch}",
            reason.removeprefix("ERROR: "),
            f"check the network, then `{' '.join(command)}`",
        )
    return sorted(into.glob("*.whl"))
