"""A foreign Debian root with the board's Python and packages, for QEMU's user-mode emulation.

Neither root rights nor binfmt are needed: apt downloads with a configuration of its own, packages are
unpacked without running their scripts, and each guest process is started through QEMU by name.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from host.cache import cached
from host.paths import CACHE, DEVICE_PACKAGE
from host.runtime_libs.wheels import download_wheels

LOG = logging.getLogger(__name__)

REQUIREMENTS = DEVICE_PACKAGE / "requirements.txt"
MIRROR = os.environ.get("LPR_DEBIAN_MIRROR", "http://deb.debian.org/debian")
EMULATORS = {"aarch64": "qemu-aarch64", "armv7l": "qemu-arm", "riscv64": "qemu-riscv64"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True, kw_only=True)
class System:
    """What a board's Debian is made of.

    Attributes:
        debian: Debian's name of the architecture.
        triplet: of its library folder.
        packages: Debian's, to unpack.
        wheels: PyPI has binary wheels for it. Else, as on such a board, numpy and OpenCV are Debian's, what
            is pure Python comes from PyPI, and msgspec is compiled.
        compiler: on this machine, for msgspec.
    """

    debian: str
    triplet: str
    packages: tuple[str, ...]
    wheels: bool
    compiler: str


SUITE, PYTHON = "bookworm", "3.11"
_PYTHON_PACKAGES = (
    f"python{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libstdc++6",
    "libgcc-s1",
    "zlib1g",
)

SYSTEMS = {
    "aarch64": System(
        debian="arm64",
        triplet="aarch64-linux-gnu",
        packages=(*_PYTHON_PACKAGES, "libgomp1"),
        wheels=True,
        compiler="aarch64-linux-gnu-gcc",
    ),
    "armv7l": System(
        debian="armhf",
        triplet="arm-linux-gnueabihf",
        packages=(*_PYTHON_PACKAGES, "python3-numpy", "python3-opencv", f"libpython{PYTHON}-dev"),
        wheels=False,
        compiler="arm-linux-gnueabihf-gcc",
    ),
}
"""By architecture; RISC-V has no release of Debian that this Python is in."""


@dataclass(frozen=True)
class Root:
    """An unpacked system: `python`, and the `packages` that came from PyPI."""

    path: Path
    arch: str
    system: System

    @property
    def python(self) -> Path:
        return self.path / "usr" / "bin" / f"python{PYTHON}"

    @property
    def packages(self) -> Path:
        return self.path / "opt" / "packages"


def qemu_command(arch: str, cpu: str) -> list[str]:
    """QEMU's user-mode emulator for *arch* and its `-cpu` option; the static one if both are there.

    An older QEMU that does not know *cpu* gets its model with every feature, `max`, and that is said.

    Raises:
        FatalError: there is no emulator, or it knows neither *cpu* nor `max`.
    """
    name = EMULATORS[arch]
    found = shutil.which(f"{name}-static") or shutil.which(name)
    if found is None:
        raise FatalError(name, "not on PATH", "run `apt-get install qemu-user-static`")
    listing = subprocess.run([found, "-cpu", "help"], capture_output=True, text=True, check=False)
    known = [word for word in listing.stdout.split() if re.match(r"[a-z][\w-]*$", word)]
    if cpu not in known:
        if "max" not in known:
            todo = f"use a newer QEMU, or one of {', '.join(known)}"
            raise FatalError(f"{Path(found).name} -cpu {cpu}", "no such CPU model", todo)
        LOG.warning(
            "%s does not know %s: emulating its `max`, which has every feature", Path(found).name, cpu
        )
        cpu = "max"
    return [found, "-cpu", cpu]


def run_in_root(
    root: Root, cpu: str, argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *argv* (a file of *root* first) on QEMU's model *cpu*; output is captured.

    Args:
        environment: all the variables the guest gets, besides those its Python needs.

    Raises:
        FatalError: the emulator is missing or does not know *cpu*.
    """
    libraries = root.path / "usr" / "lib" / root.system.triplet
    variables = {
        # Debian's alternatives, which package scripts would have set up.
        "LD_LIBRARY_PATH": f"{libraries / 'blas'}:{libraries / 'lapack'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        # The root has no locales.
        "PYTHONUTF8": "1",
        **(environment or {}),
    }
    variables["PYTHONPATH"] = ":".join(filter(None, [variables.get("PYTHONPATH"), str(root.packages)]))
    settings = [word for name, value in variables.items() for word in ("-E", f"{name}={value}")]
    command = [*qemu_command(root.arch, cpu), "-L", str(root.path), *settings, *argv]
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean)


def root_for(arch: str, cache: Path = CACHE) -> Root:
    """The root for *arch* with the device package's requirements, made on first use (70 to 200 MB fetched).

    Raises:
        FatalError: a tool is missing, the mirror does not answer or *arch* has no root.
    """
    system = SYSTEMS.get(arch)
    if system is None:
        raise FatalError(f"root for {arch}", "cannot be made here", f"use one of {', '.join(SYSTEMS)}")
    wanted = repr((SUITE, PYTHON, system)) + REQUIREMENTS.read_text(encoding="utf-8")
    key = hashlib.sha256(wanted.encode()).hexdigest()[:12]

    def fill(folder: Path) -> None:
        LOG.info("%s root: downloading Debian packages and wheels, once", system.debian)
        unpack_debian(system.debian, system.packages, folder)
        (folder / "opt" / "packages").mkdir(parents=True)
        if system.wheels:
            _unpack_wheels(["--requirement", str(REQUIREMENTS)], arch, folder / "opt" / "packages")
        else:
            _unpack_wheels([_pin("click"), _pin("pyserial")], arch, folder / "opt" / "packages")
            _build_msgspec(system, folder)
        _compile_python(Root(folder, arch, system))

    return Root(cached(cache / "roots" / f"{system.debian}-{key}", fill), arch, system)


def _compile_python(root: Root) -> None:
    """Import what bundles need once, so that the root keeps its bytecode: an emulated compiler takes seconds.

    Raises:
        FatalError: the root's Python does not run, or lacks a package.
    """
    modules = "click, concurrent.futures, csv, cv2, http.server, msgspec, numpy, serial, urllib.request"
    argv = [str(root.python), "-P", "-c", f"import {modules}"]
    done = run_in_root(root, "max", argv, {"PYTHONDONTWRITEBYTECODE": ""})
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        raise FatalError(f"root for {root.arch}", " ".join(reason) or "Python fails", "remove .cache/roots")


def run_tool(command: Sequence[str], what: str, environment: Mapping[str, str] | None = None) -> str:
    """Run *command* and return what it printed.

    Args:
        what: what to name in an error.
        environment: variables beside this process's.

    Raises:
        FatalError: it is not there or fails; names the first line that looks like the reason.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
        )
    except FileNotFoundError:
        raise FatalError(
            command[0], "not on PATH", "run it on Debian or Ubuntu, or `apt-get install apt dpkg tar`"
        ) from None
    if done.returncode:
        lines = [s for s in (done.stderr + done.stdout).splitlines() if re.match(r"E:|ERROR|.*error", s)]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise FatalError(what, reason, f"check the network, then `{' '.join(command)}`")
    return done.stdout


def apt_environment(folder: Path, debian: str, also: Sequence[str] = ()) -> dict[str, str]:
    """Variables that let apt see the packages of architecture *debian* (Debian's name), with its lists read.

    It keeps all it needs in the empty *folder*, and touches nothing of this system's.

    Args:
        also: other architectures that packages may be named of.

    Raises:
        FatalError: Debian's keyring is missing, or the mirror does not answer.
    """
    configuration = _apt_configuration(folder, debian, also)
    environment = {"APT_CONFIG": str(configuration), "LC_ALL": "C"}
    run_tool(["apt-get", "update", "--quiet"], f"Debian packages for {debian}", environment)
    return environment


def _apt_configuration(folder: Path, debian: str, also: Sequence[str]) -> Path:
    """apt's settings; proxies are kept."""
    if not KEYRING.is_file():
        raise FatalError(str(KEYRING), "not there", "run `apt-get install debian-archive-keyring`")
    for name in ("state/lists/partial", "cache/archives/partial", "none"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
    dump = run_tool(["apt-config", "dump"], "apt-config")
    lines = [line for line in dump.splitlines() if re.match(r"Acquire::\w+::", line)]
    architectures = "".join(f'"{name}"; ' for name in (debian, *also))
    lines += [
        f'APT::Architecture "{debian}";',
        f"APT::Architectures {{ {architectures}}};",
        'APT::Install-Recommends "false";',
        'APT::Sandbox::User "";',
        'Acquire::Languages "none";',
        f'Dir::State "{folder}/state";',
        f'Dir::State::status "{folder}/status";',
        f'Dir::Cache "{folder}/cache";',
        f'Dir::Etc::sourcelist "{folder}/sources.list";',
        f'Dir::Etc::sourceparts "{folder}/none";',
        f'Dir::Etc::main "{folder}/none/apt.conf";',
        f'Dir::Etc::parts "{folder}/none";',
        f'Dir::Etc::preferencesparts "{folder}/none";',
        'Debug::NoLocking "true";',
    ]
    configuration = folder / "apt.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return configuration


def unpack_debian(
    debian: str, packages: Sequence[str], root: Path, excluded: Sequence[str] = ("./usr/share",)
) -> None:
    """Unpack *packages* of architecture *debian*, and what they need, into *root*; no script of theirs runs.

    Args:
        excluded: tar's patterns of what is left out.

    Raises:
        FatalError: a package cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="apt-", dir=root.parent) as scratch:
        work = Path(scratch)
        environment = apt_environment(work, debian)
        install = ["apt-get", "install", "--yes", "--quiet", "--download-only", *packages]
        run_tool(install, f"Debian packages for {debian}", environment)
        for package in sorted((work / "cache" / "archives").glob("*.deb")):
            contents = work / "contents.tar"
            with contents.open("wb") as file:
                subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=file, check=True)
            unpack = ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-f", str(contents)]
            patterns = [f"--exclude={pattern}" for pattern in excluded]
            run_tool([*unpack, "-C", str(root), *patterns], package.name)


def _pin(package: str) -> str:
    pin = re.search(rf"^{package}==\S+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert pin is not None
    return pin[0]


def _unpack_wheels(requirements: Sequence[str], arch: str, packages: Path) -> None:
    with tempfile.TemporaryDirectory(dir=packages) as scratch:
        for wheel in download_wheels(requirements, arch, PYTHON, Path(scratch)):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(packages)


def _build_msgspec(system: System, root: Path) -> None:
    """Compile msgspec's one C file against the root's Python."""
    pin = _pin("msgspec")
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        work = Path(scratch)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        run_tool([*command, "--no-deps", "--no-binary=msgspec", "--dest", str(work), pin], pin)
        with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
            archive.extractall(work, filter="data")
        source = next(work.glob("**/_core.c")).parent
        package = root / "opt" / "packages" / "msgspec"
        shutil.copytree(source, package, ignore=shutil.ignore_patterns("*.c", "*.h", "*.pyi"))
        headers = root / "usr" / "include"
        run_tool(
            [
                *(system.compiler, "-O1", "-shared", "-fPIC", "-w", "-I", str(headers / f"python{PYTHON}")),
                *("-I", str(headers), "-o", str(package / "_core.so"), str(source / "_core.c")),
            ],
            "msgspec for " + system.debian,
        )
    for unneeded in (headers, root / "usr" / "lib" / f"python{PYTHON}" / f"config-{PYTHON}-{system.triplet}"):
        shutil.rmtree(unneeded)
    for static in (root / "usr" / "lib" / system.triplet).glob("*.a"):
        static.unlink()
