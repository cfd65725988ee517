"""What is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device_runtime.errors import FatalError
from host.compile.link import ZIG_REQUIREMENT, apt_package, linker_for
from host.emulate.root import EMULATORS, KEYRING, SYSTEMS
from host.targets.profile import Target
from host.targets.read import list_targets, load_target

CJK_FONTS = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Attributes:
        found: what was found, None if nothing.
        needed: whether the target cannot be built for without it.
        remedy: the command that installs it.
        purpose: what does not work without it.
    """

    name: str
    found: str | None
    needed: bool
    remedy: str
    purpose: str

    @property
    def state(self) -> str:
        """`ok`, `MISSING` or `optional`, which is missing too but not needed."""
        if self.found is not None:
            return "ok"
        return "MISSING" if self.needed else "optional"


def apt(*packages: str) -> str:
    """The command that installs Debian's or Ubuntu's *packages*."""
    return f"apt-get install {' '.join(packages)}"


def pip(*requirements: str) -> str:
    """The command that installs *requirements* into this Python."""
    quoted = " ".join(f"'{r}'" if re.search(r"[<>\[]", r) else r for r in requirements)
    return f"{sys.executable} -m pip install {quoted}"


def satisfies(version: str, specifier: str) -> bool:
    """Whether *version* meets `==…` (a local part such as `+cpu` counts not) or `>=…`; other forms do."""
    operator, wanted = specifier[:2], specifier[2:]
    if operator == "==":
        return version.partition("+")[0] == wanted
    if operator == ">=":
        return _numbers(version) >= _numbers(wanted)
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def check_python() -> Iterator[Check]:
    """The interpreter and whether it is a virtual environment's."""
    enough = sys.version_info >= MINIMUM_PYTHON
    yield Check(
        "Python ≥ {}.{}".format(*MINIMUM_PYTHON),
        platform.python_version() if enough else None,
        True,
        apt("python3.11", "python3.11-venv"),
        "everything",
    )
    inside = sys.prefix != sys.base_prefix
    yield Check(
        "virtual environment",
        sys.prefix if inside else None,
        False,
        "make setup",
        "keeping pins from other projects",
    )


def check_packages(distribution: str = "lpr-edge") -> Iterator[Check]:
    """The versions that the installed *distribution* demands, extras left out.

    Raises:
        FatalError: it is not installed.
    """
    try:
        requirements = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise FatalError(distribution, "is not installed", "run `make setup`") from None
    for requirement in requirements:
        match = re.fullmatch(r"([\w.-]+)\s*((?:[<>=!~]=?)\S+)?", requirement)
        if match is None:  # with a marker: an extra's
            continue
        name, specifier = match[1], match[2] or ""
        yield check_package(name, specifier)


def check_package(name: str, specifier: str) -> Check:
    """Whether *name* is installed in a version that *specifier* allows."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(f"{name} {specifier}", None, True, pip(name + specifier), "building")
    if not satisfies(version, specifier):
        reason = f"building ({version} is installed)"
        return Check(f"{name} {specifier}", None, True, pip(name + specifier), reason)
    return Check(name, version, True, "", "building")


def check_linker(target: Target, needed: bool) -> Check:
    """What would link a module for *target*."""
    try:
        found = linker_for(target).describe()
    except FatalError:
        found = None
    remedy = f"{apt(apt_package(target.link.prefer))}, or {pip(ZIG_REQUIREMENT)}"
    return Check(f"linker for {target.arch}", found, needed, remedy, f"building for {target.name}")


def check_emulation(target: Target) -> Iterator[Check]:
    """What `test-device` and emulated tuning want; nothing for targets that are not emulated."""
    if target.emulate_cpu is None:
        return
    qemu = EMULATORS[target.arch]
    static = shutil.which(f"{qemu}-static") or shutil.which(qemu)
    purpose = f"lpr-host test-device --target {target.name}"
    yield Check(f"{qemu}-static", static, False, apt("qemu-user-static"), purpose)
    yield Check(qemu, shutil.which(qemu), False, apt("qemu-user"), "tuning by counted instructions")
    compiler = target.link.prefer.replace("g++", "gcc")
    if target.arch in SYSTEMS:
        keyring = str(KEYRING) if KEYRING.is_file() else None
        yield Check("Debian's keyring", keyring, False, apt("debian-archive-keyring"), purpose)
        for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
            yield Check(tool, shutil.which(tool), False, f"use Debian or Ubuntu ({package})", purpose)
    if target.arch != "aarch64":
        yield Check(compiler, shutil.which(compiler), False, apt(apt_package(target.link.prefer)), purpose)


def check_fonts() -> Check:
    """Glyphs for rendering plates anew; those in use are in the repository."""
    found = str(CJK_FONTS) if CJK_FONTS.is_file() else None
    return Check("CJK fonts", found, False, apt("fonts-noto-cjk"), "drawing new glyphs")


def examine(target: Target, every_target: bool) -> list[Check]:
    """All checks for *target*; with *every_target* the linkers of the other architectures too."""
    checks = [*check_python(), *check_packages(), check_linker(target, needed=True)]
    if every_target:
        others = {t.arch: t for t in map(load_target, list_targets()) if t.arch != target.arch}
        checks += [check_linker(other, needed=False) for other in others.values()]
    return [*checks, *check_emulation(target), check_fonts()]
